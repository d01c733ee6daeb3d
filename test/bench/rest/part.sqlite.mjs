export async function sqlite() { throw new Error('not yet'); }
