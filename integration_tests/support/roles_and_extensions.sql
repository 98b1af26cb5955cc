-- Beside the core tables: objects of three roles in schemas of their own, and extensions that are trusted, that are not, and in C.
create schema registrars authorization registrar;
create schema clerks authorization clerk;
grant select, references on public.students to registrar, clerk;
set role registrar;
create table registrars.decisions (id integer primary key, student bigint references public.students, text text);
create view registrars.open_decisions as select d.id from registrars.decisions as d where exists (select null from public.students);
grant usage on schema registrars to clerk;
grant select on registrars.decisions to clerk with grant option;
set role clerk;
create table clerks.notes (id integer primary key, about integer, day date) partition by range (id);
create table clerks.first_notes partition of clerks.notes for values from (0) to (1000);
create materialized view clerks.known as select id from registrars.decisions where text in ('a', 'b');
create unique index on clerks.known (id);
reset role;
insert into registrars.decisions select min(std_no), min(std_no), 'a' from public.students;
insert into clerks.notes values (1, 1, '2020-01-01');
refresh materialized view clerks.known;
create extension words schema clerks;
create extension measures schema public;
create table registrars.likenesses (id integer primary key, word clerks.words_domain);
create index on registrars.likenesses (clerks.words_of(word));
insert into registrars.likenesses values (1, 'one'), (2, null);
alter table registrars.likenesses owner to registrar;
-- what the server's package brings
do $$ begin
if exists (select from pg_available_extensions where name = 'vector') then
    create extension vector schema public;
    alter table registrars.likenesses add meaning public.vector(3) default '[1,2,3]';
    create index on registrars.likenesses using hnsw (meaning public.vector_l2_ops);
end if;
if exists (select from pg_available_extensions where name = 'pgstattuple') then
    create extension pgstattuple schema clerks;
    create extension pg_trgm schema public;
    create extension citext schema public;
    alter table registrars.likenesses add called public.citext default 'One';
    create index on registrars.likenesses using gin (called public.gin_trgm_ops);
end if;
end $$;
create function public.in_c() returns trigger language c as '$libdir/plpgsql', 'plpgsql_call_handler';
