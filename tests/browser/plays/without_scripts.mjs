// The same with JavaScript switched off.
import { journey } from '../journey.mjs';

await journey({ javaScriptEnabled: false });
