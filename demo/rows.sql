-- The sample registry: its rows, between schema.sql and constraints.sql. Every value is computed from the row's number alone, so the
-- same counts give the same rows, on every server. `:table` is the number of rows of a table, as `psql --set table=…` gives it.
-- A blank line never stands inside a statement. The functions are in pg_temp, small enough for the planner to put them in place.

-- A number from 0 to below - 1 that looks random but depends on key and seed only.
create or replace function pg_temp.pick(key bigint, seed bigint, below bigint) returns integer language sql immutable
return mod(hashint8extended(key, seed) & 4503599627370495, below)::integer;

create or replace function pg_temp.one_of(choices anyarray, key bigint, seed bigint) returns anyelement language sql immutable
as $$ select choices[1 + pg_temp.pick(key, seed, array_length(choices, 1))] $$;

-- One of the choices, each as often as its step in the running total of the weights: {0,9,10} is nine to one.
create or replace function pg_temp.weighted(choices anyarray, weights integer[], key bigint, seed bigint)
returns anyelement language sql immutable
as $$ select choices[width_bucket(pg_temp.pick(key, seed, weights[array_length(weights, 1)]), weights)] $$;

-- When a row was created: later rows later, evenly over nine years, down to the microsecond.
create or replace function pg_temp.moment(key bigint, of_rows bigint) returns timestamp language sql immutable
return timestamp '2016-02-01 08:00:00' + key * ((283824000000000 / of_rows) * interval '1 microsecond');

-- Text that trips up careless quoting, splitting, trimming, comparing and CSV; '' and ' ' are values, not absences.
create or replace function pg_temp.awkward_texts() returns text[] language sql immutable
return array[
    'O''Neill "Thabo" d''Arc', E'two\nlines', E'carriage\r\nreturn', E'back\\slash and \\N', E'a tab\there',
    'comma, semicolon; pipe|bar', 'NULL', 'null', '', ' ', '  blanks before and after  ', '''; drop table students; --',
    '{{ not_a_template }} {% nor %} {# this #}', '100% %s %(name)s $1 :name ?', '<b>bold</b> & <script>alert(1)</script>',
    'Mokhèlé-Ngũgĩ wa Şerïf', E'e\xCC\x81 is not \xC3\xA9', '学生 студент φοιτητής', 'طالب جامعي', '👩🏽‍🎓 emoji 🎉',
    E'zero\xE2\x80\x8Bwidth\xC2\xA0space', '=1+1', '-0', '{1,2,"3"}', repeat('x', 300)
];

create or replace function pg_temp.awkward(key bigint, seed bigint) returns text language sql immutable
return (pg_temp.awkward_texts())[1 + pg_temp.pick(key, seed, 25)];

-- The usual text, but an awkward one once in so many rows.
create or replace function pg_temp.text_or_awkward(usual text, key bigint, seed bigint, one_in bigint)
returns text language sql immutable
return case when pg_temp.pick(key, seed, one_in) = 0 then pg_temp.awkward(key, seed + 1) else usual end;

create or replace function pg_temp.person(key bigint, seed bigint) returns text language sql immutable
return case
    when pg_temp.pick(key, seed, 30) = 0 then pg_temp.awkward(key, seed + 1)
    else
        pg_temp.one_of(
            '{Thabo,Lerato,Palesa,Tšepo,Mpho,Neo,Kabelo,Lineo,Teboho,Refiloe,Zanele,Karabo}'::text[], key, seed + 2
        ) || ' ' || pg_temp.one_of(
            '{Mokoena,Molapo,Nkosi,Letsie,Mahlaba,Ramokoatsi,Phiri,Dlamini,Sello,Motaung,van Wyk}'::text[], key, seed + 3
        )
end;

create or replace function pg_temp.subject(key bigint, seed bigint) returns text language sql immutable
return pg_temp.one_of(
    '{Accounting,Algebra,Architecture,Broadcasting,Databases,Drawing,Economics,Fashion,Law,Networks}'::text[], key, seed
);

create or replace function pg_temp.credits(semester_module bigint) returns real language sql immutable
return pg_temp.one_of('{8,10,12,12.5,15,0.1,7.7}'::real[], semester_module, 902);

create or replace function pg_temp.term_code(n bigint) returns text language sql immutable
return (2016 + (n - 1) / 2)::text || case when mod(n, 2) = 1 then '-02' else '-07' end;

-- The id of a table's row with this number (1 is the first): rising from `first`, one left out after every so many rows, as if it had
-- been deleted.
create or replace function pg_temp.id(n bigint, first bigint, every bigint) returns bigint language sql immutable
return first + n + n / every + 10 * (n / 1000);

create or replace function pg_temp.term_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 0, 5);

create or replace function pg_temp.student_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 901000000, 9);

create or replace function pg_temp.school_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 1, 3);

create or replace function pg_temp.program_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 10, 4);

create or replace function pg_temp.structure_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 25, 7);

create or replace function pg_temp.structure_semester_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 100, 8);

create or replace function pg_temp.module_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 500, 11);

create or replace function pg_temp.semester_module_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 1000, 13);

create or replace function pg_temp.student_program_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 2000, 12);

create or replace function pg_temp.student_semester_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 10000, 17);

create or replace function pg_temp.student_module_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 50000, 19);

create or replace function pg_temp.assessment_id(n bigint) returns bigint language sql immutable
return pg_temp.id(n, 300, 10);

-- Which row belongs to which, by their numbers.
create or replace function pg_temp.module_of(semester_module bigint) returns bigint language sql immutable
return 1 + pg_temp.pick(semester_module, 900, :modules);

create or replace function pg_temp.structure_of(student_program bigint) returns bigint language sql immutable
return 1 + pg_temp.pick(student_program, 1100, :structures);

-- The next semester of the program's own structure.
create or replace function pg_temp.structure_semester_of(student_semester bigint) returns bigint language sql immutable
return pg_temp.structure_of(1 + mod(student_semester - 1, :student_programs))
    + :structures * mod((student_semester - 1) / :student_programs, :structure_semesters / :structures);

-- The first few of a student's semester are those of its structure semester, one after the other; further ones come from anywhere
-- (electives, repeated modules).
create or replace function pg_temp.semester_module_of(student_module bigint) returns bigint language sql immutable
return case
    when (student_module - 1) / :student_semesters < :semester_modules / :structure_semesters
        then pg_temp.structure_semester_of(1 + mod(student_module - 1, :student_semesters))
            + :structure_semesters * ((student_module - 1) / :student_semesters)
    else 1 + pg_temp.pick(student_module, 1300, :semester_modules)
end;

insert into terms (id, code, name, is_active, created_at)
select
    pg_temp.term_id(k),
    pg_temp.term_code(k),
    (2016 + (k - 1) / 2)::text || case when mod(k, 2) = 1 then ' February' else ' July' end,
    k = :terms,
    pg_temp.moment(k, :terms)
from generate_series(1::bigint, :terms) as k;

insert into students (
    std_no, name, national_id, status, date_of_birth, phone1, phone2, gender, marital_status, country, religion, created_at
)
select
    pg_temp.student_id(k),
    pg_temp.person(k, 100),
    lpad(pg_temp.pick(k, 110, 1000000000)::text, 12, '0'),
    pg_temp.weighted(
        '{Active,Graduated,Withdrawn,Terminated,Suspended,Applied,Deceased}'::student_status[], '{0,60,85,91,95,98,99,100}', k, 111
    ),
    case when mod(k, 41) > 0 then date '1975-01-01' + pg_temp.pick(k, 112, 11000) end,
    '+266 5' || pg_temp.pick(k, 113, 10000000)::text,
    case when mod(k, 3) = 0 then '+266 6' || pg_temp.pick(k, 114, 10000000)::text end,
    pg_temp.weighted('{Male,Female,Unknown}'::gender[], '{0,46,98,100}', k, 115),
    case
        when mod(k, 5) > 0
            then pg_temp.weighted('{Single,Married,Divorced,Widowed}'::marital_status[], '{0,85,98,99,100}', k, 116)
    end,
    case when mod(k, 11) > 0 then 'Lesotho' end,
    pg_temp.text_or_awkward(null, k, 117, 9),
    pg_temp.moment(k, :students)
from generate_series(1::bigint, :students) as k;

insert into student_education (id, std_no, school_name, type, level, start_date, end_date, created_at)
select
    pg_temp.id(k, 40, 6),
    pg_temp.student_id(1 + pg_temp.pick(k, 207, :students)),
    pg_temp.text_or_awkward('High School ' || pg_temp.pick(k, 200, 300)::text, k, 201, 12),
    case when mod(k, 4) > 0 then pg_temp.weighted('{Secondary,Tertiary}'::text[], '{0,9,10}', k, 203) end,
    case
        when mod(k, 17) > 0
            then pg_temp.weighted(
                '{LGCSE,COSC,JCE,A-Levels,Certificate,Diploma,Degree,Other}'::education_level[],
                '{0,60,80,88,93,96,98,99,100}',
                k,
                204
            )
    end,
    date '2005-01-15' + 365 * pg_temp.pick(k, 205, 12),
    case when mod(k, 3) > 0 then date '2018-11-30' + 7 * pg_temp.pick(k, 206, 50) end,
    pg_temp.moment(k, :student_education)
from generate_series(1::bigint, :student_education) as k;

insert into next_of_kins (id, std_no, name, relationship, phone, email, occupation, address, created_at)
select
    pg_temp.id(k, 3, 4),
    pg_temp.student_id(1 + pg_temp.pick(k, 310, :students)),
    case when mod(k, 3) = 0 then pg_temp.awkward(k, 300) else pg_temp.person(k, 301) end,
    pg_temp.weighted('{Mother,Father,Sibling,Guardian,Spouse}'::kin_relationship[], '{0,4,7,9,11,12}', k, 306),
    case when mod(k, 4) > 0 then '+266 5' || pg_temp.pick(k, 307, 10000000)::text end,
    case when mod(k, 2) = 0 then 'kin' || k::text || '@example.org' end,
    pg_temp.text_or_awkward(null, k, 308, 3),
    case when mod(k, 5) = 1 then E'12 Kingsway\nMaseru 100' end,
    pg_temp.moment(k, :next_of_kins)
from generate_series(1::bigint, :next_of_kins) as k;

insert into schools (id, code, name, is_active, created_at)
select
    pg_temp.school_id(k),
    'F' || chr((65 + mod(k - 1, 26))::integer) || case when k > 26 then k::text else '' end,
    'Faculty of ' || pg_temp.subject(k, 400),
    mod(k, 7) > 0,
    case when mod(k, 6) > 0 then pg_temp.moment(k, :schools) end
from generate_series(1::bigint, :schools) as k;

insert into programs (id, code, name, level, school_id, created_at)
select
    pg_temp.program_id(k),
    'P' || lpad(k::text, 4, '0'),
    'Programme in ' || pg_temp.text_or_awkward('subject ' || k::text, k, 500, 8),
    pg_temp.weighted('{diploma,degree,certificate}'::program_level[], '{0,5,9,10}', k, 502),
    pg_temp.school_id(1 + mod(k - 1, :schools)),
    pg_temp.moment(k, :programs)
from generate_series(1::bigint, :programs) as k;

insert into structures (id, code, "desc", program_id, created_at)
select
    pg_temp.structure_id(k),
    (2015 + mod(k, 10))::text || '-' || lpad(k::text, 5, '0'),
    case when mod(k, 3) > 0 then pg_temp.text_or_awkward('Revision ' || k::text, k, 600, 5) end,
    pg_temp.program_id(1 + mod(k - 1, :programs)),
    pg_temp.moment(k, :structures)
from generate_series(1::bigint, :structures) as k;

insert into structure_semesters (id, structure_id, semester_number, name, total_credits, created_at)
select
    pg_temp.structure_semester_id(k),
    pg_temp.structure_id(1 + mod(k - 1, :structures)),
    case when mod(k, 97) = 0 then 'B1' when mod(k, 89) = 0 then 'F' else lpad(semester::text, 2, '0') end,
    'Year ' || ((semester + 1) / 2)::text || ' Sem ' || (2 - mod(semester, 2))::text,
    (40::real + pg_temp.pick(k, 700, 200) / 10::real)::real,
    pg_temp.moment(k, :structure_semesters)
from (select k, 1 + (k - 1) / :structures as semester from generate_series(1::bigint, :structure_semesters) as k) as numbered;

insert into modules (id, code, name, status, remark, timestamp, created_at)
select
    pg_temp.module_id(k),
    chr(65 + pg_temp.pick(k, 800, 26)) || 'M' || lpad(mod(k * 7, 10000)::text, 4, '0'),
    case when pg_temp.pick(k, 801, 25) = 0 then pg_temp.awkward(k, 802) else pg_temp.subject(k, 803) end
    || ' ' || (1 + mod(k, 4))::text,
    pg_temp.weighted('{Active,Defunct}'::module_status[], '{0,9,10}', k, 804),
    pg_temp.text_or_awkward(null, k, 805, 6),
    case when mod(k, 5) = 0 then '1463' || lpad(k::text, 6, '0') end,
    pg_temp.moment(k, :modules)
from generate_series(1::bigint, :modules) as k;

insert into semester_modules (id, module_id, type, credits, semester_id, hidden, created_at)
select
    pg_temp.semester_module_id(k),
    pg_temp.module_id(pg_temp.module_of(k)),
    pg_temp.weighted('{Core,Major,Minor,Elective,Delete}'::module_type[], '{0,50,80,92,98,100}', k, 901),
    pg_temp.credits(k),
    case when mod(k, 31) > 0 then pg_temp.structure_semester_id(1 + mod(k - 1, :structure_semesters)) end,
    mod(k, 53) = 0,
    pg_temp.moment(k, :semester_modules)
from generate_series(1::bigint, :semester_modules) as k;

-- A module for each row: the pairs are distinct, and the prerequisite comes earlier in the list, never the same.
insert into module_prerequisites (id, semester_module_id, prerequisite_id, created_at)
select
    pg_temp.id(k, 7, 3),
    pg_temp.semester_module_id(above + 1),
    pg_temp.semester_module_id(1 + pg_temp.pick(k, 1000, above)),
    pg_temp.moment(k, :module_prerequisites)
from (
    select k, k * greatest(1, :semester_modules / :module_prerequisites - 1) as above
    from generate_series(1::bigint, :module_prerequisites) as k
) as numbered;

insert into student_programs (
    id, std_no, structure_id, status, intake_date, reg_date, start_term, stream, graduation_date, assist_provider, created_at
)
select
    pg_temp.student_program_id(k),
    pg_temp.student_id(case when k <= :students then k else 1 + pg_temp.pick(k, 1101, :students) end),
    pg_temp.structure_id(pg_temp.structure_of(k)),
    pg_temp.weighted('{Active,Completed,Inactive,Changed,Deleted}'::student_program_status[], '{0,50,80,90,97,100}', k, 1102),
    date '2016-01-20' + pg_temp.pick(k, 1103, 2800),
    case when mod(k, 4) > 0 then date '2016-02-01' + pg_temp.pick(k, 1103, 2800) end,
    case when mod(k, 19) > 0 then pg_temp.term_code(1 + pg_temp.pick(k, 1104, :terms)) end,
    pg_temp.text_or_awkward(case when mod(k, 2) = 0 then 'Normal' end, k, 1105, 40),
    case when mod(k, 10) < 3 then date '2019-10-01' + 365 * pg_temp.pick(k, 1107, 5) end,
    case when mod(k, 3) > 0 then (array['NMDS', 'Self', 'SCHOLARSHIP'])[1 + mod(k, 3)] end,
    pg_temp.moment(k, :student_programs)
from generate_series(1::bigint, :student_programs) as k;

insert into student_semesters (
    id, term_code, status, student_program_id, structure_semester_id, caf_date, created_at
)
select
    pg_temp.student_semester_id(k),
    pg_temp.term_code(1 + mod(pg_temp.pick(program, 1202, 8) + (k - 1) / :student_programs, :terms)),
    pg_temp.weighted(
        '{Active,Enrolled,Outstanding,Deferred,Withdrawn,DNR,DroppedOut,Repeat,Deleted,Exempted}'::semester_status[],
        '{0,70,78,82,86,89,92,95,98,99,100}',
        k,
        1200
    ),
    pg_temp.student_program_id(program),
    pg_temp.structure_semester_id(pg_temp.structure_semester_of(k)),
    case when mod(k, 3) = 0 then date '2016-02-10' + pg_temp.pick(k, 1201, 2900) end,
    pg_temp.moment(k, :student_semesters)
from (
    select k, 1 + mod(k - 1, :student_programs) as program from generate_series(1::bigint, :student_semesters) as k
) as numbered;

-- Without the offset the planner would compute a number again wherever its name stands.
insert into student_modules (id, semester_module_id, status, marks, grade, student_semester_id, credits, created_at)
select
    pg_temp.student_module_id(k),
    pg_temp.semester_module_id(semester_module),
    pg_temp.weighted(
        '{Compulsory,Add,Repeat1,Repeat2,Supplementary,Resit1,Drop,Delete,Exempted}'::student_module_status[],
        '{0,75,85,90,91,93,94,96,98,100}',
        k,
        1301
    ),
    case
        when kind < 920 then mark::text
        when kind < 950 then mark::text || '.5'
        when kind < 965 then (mark + 0.25)::text
        when kind < 985 then 'NM'
        else ''
    end,
    case
        when kind >= 985 then 'ANN'::grade
        when kind >= 965 then 'NM'
        when mark >= 90 then 'A+'
        when mark >= 85 then 'A'
        when mark >= 80 then 'A-'
        when mark >= 75 then 'B+'
        when mark >= 70 then 'B'
        when mark >= 65 then 'B-'
        when mark >= 60 then 'C+'
        when mark >= 55 then 'C'
        when mark >= 50 then 'C-'
        when mark >= 45 then 'PP'
        when kind < 300 then 'F'
        when kind < 305 then 'DNS'
        else 'X'
    end,
    pg_temp.student_semester_id(1 + mod(k - 1, :student_semesters)),
    pg_temp.credits(semester_module),
    pg_temp.moment(k, :student_modules)
from (
    select
        k,
        pg_temp.semester_module_of(k) as semester_module,
        pg_temp.pick(k, 1302, 1000) as kind,
        pg_temp.pick(k, 1303, 50) + pg_temp.pick(k, 1304, 51) as mark
    from generate_series(1::bigint, :student_modules) as k
    offset 0
) as numbered;

insert into assessments (id, module_id, term_id, assessment_number, assessment_type, total_marks, weight, created_at)
select
    pg_temp.assessment_id(k),
    pg_temp.module_id(1 + mod(k - 1, :modules)),
    pg_temp.term_id(1 + pg_temp.pick(k, 1400, :terms)),
    'CW' || (1 + (k - 1) / :modules)::text,
    pg_temp.weighted('{Quiz,Test,Practical,Project,Mid-term,Final exam}'::assessment_kind[], '{0,1,4,6,8,9,11}', k, 1401),
    (10 * (1 + pg_temp.pick(k, 1402, 10)))::real,
    (pg_temp.pick(k, 1403, 1000) / 10::real)::real,
    pg_temp.moment(k, :assessments)
from generate_series(1::bigint, :assessments) as k;

-- Spread over the student modules; a second round meets the same ones with the module's other assessment.
insert into assessment_marks (id, assessment_id, marks, student_module_id, created_at)
select
    pg_temp.id(k, 4000, 23),
    pg_temp.assessment_id(pg_temp.module_of(pg_temp.semester_module_of(student_module)) + :modules * mod(k, 2)),
    (pg_temp.pick(k, 1500, 1001) / 10::real)::real,
    pg_temp.student_module_id(student_module),
    pg_temp.moment(k, :assessment_marks)
from (
    select k, 1 + mod((k - 1) * greatest(1, :student_modules / :assessment_marks), :student_modules) as student_module
    from generate_series(1::bigint, :assessment_marks) as k
    offset 0
) as numbered;
