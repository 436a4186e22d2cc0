// Where a provider sends the browser back to, when the service sent nobody there.
import { Person, eventually, play, same } from '../stage.mjs';

let person;
await play({
  'an answer that is none': async () => {
    person = await Person.enters();
    person.expects(/status of 40[04]/);
    same((await person.opens('oauth/callback')).status(), 400);
    await person.looks('callback-nothing');
  },
  'a forged answer': async () => {
    same((await person.opens('oauth/callback?code=f0rged&state=f0rged')).status(), 404);
    await person.reads('under way');
    await person.looks('callback-forged');
  },
  'a script that got through would be noticed': async () => {
    const victim = await Person.enters();
    await victim.page.setContent('<title>x</title><img src="http://localhost:1/x" onerror="alert(1)">');
    await eventually('an alarm', () => victim.alarms.some((alarm) => alarm.includes('a dialog: 1')));
    victim.alarms.length = 0;
    await victim.page.close();
  },
  'markup in a provider\'s error': async () => {
    for (const error of ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '{{7*7}}', '\u202egnp.exe\u0007']) {
      await person.opens(`oauth/callback?error=${encodeURIComponent(error)}&error_description=${encodeURIComponent(error)}&state=f0rged`);
    }
  },
});
