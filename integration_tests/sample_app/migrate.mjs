// Runs the migrations that are not run yet, on the database that libpq's variables name.
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';

const client = new pg.Client();
await client.connect();
try {
  await migrate(drizzle(client), { migrationsFolder: process.argv[2] ?? './drizzle' });
} catch (error) {
  const cause = error.cause ?? error;
  console.error([cause.message, cause.hint].filter(Boolean).join('\n'));
  process.exitCode = 1;
} finally {
  await client.end();
}
