-- The sample registry: types and tables. Names are unqualified: set search_path to the schema they belong in.
-- Keys and indexes follow in constraints.sql, once the rows are there. A blank line never stands inside a statement.

create type gender as enum ('Male', 'Female', 'Unknown');
create type marital_status as enum ('Single', 'Married', 'Divorced', 'Widowed', 'Other');
create type student_status as enum ('Active', 'Applied', 'Deceased', 'Deleted', 'Graduated', 'Suspended', 'Terminated', 'Withdrawn');
create type education_level as enum ('JCE', 'LGCSE', 'COSC', 'A-Levels', 'Certificate', 'Diploma', 'Degree', 'Other');
create type kin_relationship as enum ('Father', 'Mother', 'Sibling', 'Spouse', 'Child', 'Guardian', 'Other');
create type program_level as enum ('certificate', 'diploma', 'degree');
create type module_status as enum ('Active', 'Defunct');
create type module_type as enum ('Major', 'Minor', 'Core', 'Delete', 'Elective');
create type student_program_status as enum ('Active', 'Changed', 'Completed', 'Deleted', 'Inactive');
create type semester_status as enum (
    'Active', 'Outstanding', 'Deferred', 'Deleted', 'DNR', 'DroppedOut', 'Withdrawn', 'Enrolled', 'Exempted', 'Repeat'
);
create type student_module_status as enum (
    'Add', 'Compulsory', 'Delete', 'Drop', 'Exempted', 'Ineligible', 'Repeat1', 'Repeat2', 'Resit1', 'Resit2', 'Supplementary'
);
create type grade as enum (
    'A+', 'A', 'A-', 'B+', 'B', 'B-', 'C+', 'C', 'C-', 'F', 'PC', 'PX', 'AP', 'X', 'DEF', 'EXP', 'ANN', 'DNC', 'DNS', 'PP', 'NM'
);
create type assessment_kind as enum ('Quiz', 'Test', 'Practical', 'Project', 'Mid-term', 'Final exam');

create table terms (
    id serial not null,
    code text not null,
    name text not null,
    is_active boolean not null default false,
    created_at timestamp default now()
);

create table students (
    std_no bigint not null,
    name text not null,
    national_id text not null,
    status student_status not null default 'Active',
    date_of_birth date,
    phone1 text,
    phone2 text,
    gender gender,
    marital_status marital_status,
    country text,
    religion text,
    created_at timestamp default now()
);

create table student_education (
    id serial not null,
    std_no bigint not null,
    school_name text not null,
    type text,
    level education_level,
    start_date date,
    end_date date,
    created_at timestamp default now()
);

create table next_of_kins (
    id serial not null,
    std_no bigint not null,
    name text not null,
    relationship kin_relationship not null,
    phone text,
    email text,
    occupation text,
    address text,
    created_at timestamp default now()
);

create table schools (
    id serial not null,
    code text not null,
    name text not null,
    is_active boolean not null default true,
    created_at timestamp default now()
);

create table programs (
    id serial not null,
    code text not null,
    name text not null,
    level program_level not null,
    school_id integer not null,
    created_at timestamp default now()
);

create table structures (
    id serial not null,
    code text not null,
    "desc" text,
    program_id integer not null,
    created_at timestamp default now()
);

create table structure_semesters (
    id serial not null,
    structure_id integer not null,
    semester_number char(2) not null,
    name text not null,
    total_credits real not null,
    created_at timestamp default now()
);

create table modules (
    id serial not null,
    code text not null,
    name text not null,
    status module_status not null default 'Active',
    remark text,
    "timestamp" text,
    created_at timestamp default now()
);

create table semester_modules (
    id serial not null,
    module_id integer not null,
    type module_type not null,
    credits real not null,
    semester_id integer,
    hidden boolean not null default false,
    created_at timestamp default now()
);

create table module_prerequisites (
    id serial not null,
    semester_module_id integer not null,
    prerequisite_id integer not null,
    created_at timestamp default now()
);

create table student_programs (
    id serial not null,
    std_no bigint not null,
    structure_id integer not null,
    status student_program_status not null,
    intake_date date,
    reg_date date,
    start_term text,
    stream text,
    graduation_date date,
    assist_provider text,
    created_at timestamp default now()
);

create table student_semesters (
    id serial not null,
    term_code text not null,
    status semester_status not null,
    student_program_id integer not null,
    structure_semester_id integer not null,
    caf_date date,
    created_at timestamp default now()
);

create table student_modules (
    id serial not null,
    semester_module_id integer not null,
    status student_module_status not null,
    marks text not null,
    grade grade not null,
    student_semester_id integer not null,
    credits real not null,
    created_at timestamp default now()
);

create table assessments (
    id serial not null,
    module_id integer not null,
    term_id integer not null,
    assessment_number text not null,
    assessment_type assessment_kind not null,
    total_marks real not null,
    weight real not null,
    created_at timestamp default now()
);

create table assessment_marks (
    id serial not null,
    assessment_id integer not null,
    marks real not null,
    student_module_id integer not null,
    created_at timestamp default now()
);

comment on table students is 'Everybody who ever registered. Known by student number, not by a serial id.';
comment on table student_modules is 'One attempt at a module by a student in a semester.';
comment on table semester_modules is 'A module as it is taught in one semester of a structure; in none once that semester is deleted.';
comment on column student_modules.marks is 'As the CMS sends it: a number, nothing, or NM for "no mark".';
comment on column structures."desc" is 'What sets this version of the curriculum apart.';
comment on type grade is 'Letter grades and the remarks that stand in their place.';
