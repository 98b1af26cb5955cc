import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/app/*/_database/schema/*.ts',
  out: './drizzle',
  casing: 'snake_case',
  // What is in other schemas (the audit tables of the cms_id migration, say) is none of the application's.
  schemaFilter: ['public'],
  dbCredentials: {
    host: process.env.PGHOST ?? 'localhost',
    port: Number(process.env.PGPORT ?? 5432),
    user: process.env.PGUSER,
    password: process.env.PGPASSWORD,
    database: process.env.PGDATABASE ?? 'registry',
    ssl: false,
  },
});
