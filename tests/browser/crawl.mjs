// Every page that links lead to, and every form that changes something.
import { stage } from './stage.mjs';

// Not pages: what never ends, what is for programs, what is for style.
const NO_PAGE = /\/(events\/stream|api\/|assets\/|sign-out)|\.json$/;

// Calls `each(address)` with every page that can be reached from the first, at most `most`.
export async function crawl(person, each, most = 200) {
  const { page } = person;
  const seen = new Set([stage.url]);
  const waiting = [stage.url];
  while (waiting.length && seen.size <= most) {
    const address = waiting.shift();
    const answer = await page.goto(address);
    await each(address, answer);
    const links = await page.locator('a[href]').evaluateAll((found) => found.map((a) => a.href));
    for (const link of links.map((href) => href.replace(/#.*/, ''))) {
      if (!link.startsWith(stage.url) || NO_PAGE.test(link) || seen.has(link)) continue;
      seen.add(link);
      waiting.push(link);
    }
  }
  return seen;
}

// The forms of the page that change something: action and fields.
export const forms = (page) => page.locator('form[method=post]').evaluateAll((found) => found.map((form) => ({
  action: form.action,
  fields: [...new FormData(form)].filter(([, value]) => typeof value === 'string'),
})));

// Addresses of one kind: `/tokens/x` and `/tokens/y` look alike.
export const kind = (address) => new URL(address).pathname.slice(new URL(stage.url).pathname.length - 1)
  .replace(/^\/(tokens|accounts)\/(?!add$)[^/]+/, '/$1/NAME').replace(/[A-Za-z0-9_-]{22,}/g, 'ID');
