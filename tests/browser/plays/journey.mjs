// From the first start to the first message, by someone who never touches a terminal again.
import { journey } from '../journey.mjs';

await journey({});
