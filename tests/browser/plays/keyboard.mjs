// With Tab, Enter and the blank alone; what has the focus is always to be seen.
import { Person, check, eventually, play, stage } from '../stage.mjs';

let person;

// Goes on with Tab until this control has the focus; on the way, each one has to show it.
async function tabsTo(label) {
  const { page } = person;
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press('Tab');
    const now = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      const name = element.labels?.[0]?.innerText || element.getAttribute('aria-label') || element.innerText || element.id;
      const box = element.getBoundingClientRect();
      return { name: name.trim().replace(/\s+/g, ' '), seen: element === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none', visible: box.width > 0 && box.height > 0 };
    });
    check(now.seen && now.visible, `the focus on "${now.name}" cannot be seen`);
    if (now.name.replace(/ ?\(required\)$/, '') === label) return;
  }
  throw new Error(`"${label}" is not reached by Tab`);
}

const keyboard = { type: (text) => person.page.keyboard.type(text), press: (key) => person.page.keyboard.press(key) };

await play({
  'signs in': async () => {
    person = await Person.enters();
    await person.opens('');
    await tabsTo('Password');
    await keyboard.type(stage.password);
    await keyboard.press('Enter');
    await person.page.getByRole('navigation', { name: 'Sections' }).waitFor();
  },
  'skips to the content': async () => {
    await person.opens('tokens');
    await person.page.keyboard.press('Tab');
    await person.page.keyboard.press('Enter');
    await eventually('the focus on the content', () => person.page.evaluate(() => document.activeElement.id === 'main'));
  },
  'adds an account': async () => {
    await person.opens('');
    await tabsTo('Accounts');
    await keyboard.press('Enter');
    await person.page.waitForURL(/accounts$/);
    await tabsTo('Add an account');
    await keyboard.press('Enter');
    await person.page.waitForURL(/accounts\/add$/);
    await tabsTo('User name');
    await keyboard.type('typed-by-keys');
    await tabsTo('Token');
    await keyboard.type('right');
    await tabsTo('Add the account');
    await keyboard.press('Enter');
    await person.reads('It is shown this once');
  },
  'is led to what is wrong': async () => {
    await person.opens('accounts/add');
    await tabsTo('Add the account');
    await keyboard.press('Enter');
    await eventually('the focus on the summary', () => person.page.evaluate(() => document.activeElement.getAttribute('role') === 'alert'));
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await eventually('the focus on the field', () => person.page.evaluate(() => document.activeElement.name === 'name'));
    await person.looks('accounts-add-wrong');
  },
});
