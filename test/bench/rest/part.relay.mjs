export async function relay() { throw new Error('not yet'); }
