export async function latency() { throw new Error('not yet'); }
