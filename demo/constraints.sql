-- The sample registry: keys, foreign keys, indexes, and what is built on the tables. Runs after the rows are in.

alter table terms add primary key (id);
alter table students add primary key (std_no);
alter table student_education add primary key (id);
alter table next_of_kins add primary key (id);
alter table schools add primary key (id);
alter table programs add primary key (id);
alter table structures add primary key (id);
alter table structure_semesters add primary key (id);
alter table modules add primary key (id);
alter table semester_modules add primary key (id);
alter table module_prerequisites add primary key (id);
alter table student_programs add primary key (id);
alter table student_semesters add primary key (id);
alter table student_modules add primary key (id);
alter table assessments add primary key (id);
alter table assessment_marks add primary key (id);

alter table terms add constraint terms_code_unique unique (code);
alter table schools add constraint schools_code_unique unique (code);
alter table programs add constraint programs_code_unique unique (code);
alter table structures add constraint structures_code_unique unique (code);
alter table module_prerequisites
    add constraint module_prerequisites_semester_module_id_prerequisite_id_unique unique (semester_module_id, prerequisite_id);
alter table assessments
    add constraint assessments_module_id_assessment_number_term_id_unique unique (module_id, assessment_number, term_id);

alter table module_prerequisites
    add constraint module_prerequisites_not_itself check (semester_module_id <> prerequisite_id);

alter table student_education add constraint student_education_std_no_students_std_no_fk
    foreign key (std_no) references students (std_no) on delete cascade;
alter table next_of_kins add constraint next_of_kins_std_no_students_std_no_fk
    foreign key (std_no) references students (std_no) on delete cascade;
alter table programs add constraint programs_school_id_schools_id_fk
    foreign key (school_id) references schools (id) on delete cascade;
alter table structures add constraint structures_program_id_programs_id_fk
    foreign key (program_id) references programs (id) on delete cascade;
alter table structure_semesters add constraint structure_semesters_structure_id_structures_id_fk
    foreign key (structure_id) references structures (id) on delete cascade;
alter table semester_modules add constraint semester_modules_module_id_modules_id_fk
    foreign key (module_id) references modules (id);
alter table semester_modules add constraint semester_modules_semester_id_structure_semesters_id_fk
    foreign key (semester_id) references structure_semesters (id) on delete set null;
alter table module_prerequisites add constraint module_prerequisites_semester_module_id_semester_modules_id_fk
    foreign key (semester_module_id) references semester_modules (id) on delete cascade;
alter table module_prerequisites add constraint module_prerequisites_prerequisite_id_semester_modules_id_fk
    foreign key (prerequisite_id) references semester_modules (id) on delete cascade;
alter table student_programs add constraint student_programs_std_no_students_std_no_fk
    foreign key (std_no) references students (std_no) on delete cascade;
alter table student_programs add constraint student_programs_structure_id_structures_id_fk
    foreign key (structure_id) references structures (id) on delete cascade;
alter table student_semesters add constraint student_semesters_term_code_terms_code_fk
    foreign key (term_code) references terms (code) on update cascade;
alter table student_semesters add constraint student_semesters_student_program_id_student_programs_id_fk
    foreign key (student_program_id) references student_programs (id) on delete cascade;
alter table student_semesters add constraint student_semesters_structure_semester_id_structure_semesters_id_
    foreign key (structure_semester_id) references structure_semesters (id) on delete cascade;
alter table student_modules add constraint student_modules_semester_module_id_semester_modules_id_fk
    foreign key (semester_module_id) references semester_modules (id) on delete cascade;
alter table student_modules add constraint student_modules_student_semester_id_student_semesters_id_fk
    foreign key (student_semester_id) references student_semesters (id) on delete cascade;
alter table assessments add constraint assessments_module_id_modules_id_fk
    foreign key (module_id) references modules (id) on delete cascade;
alter table assessments add constraint assessments_term_id_terms_id_fk
    foreign key (term_id) references terms (id);
alter table assessment_marks add constraint assessment_marks_assessment_id_assessments_id_fk
    foreign key (assessment_id) references assessments (id) on delete cascade;
alter table assessment_marks add constraint assessment_marks_student_module_id_student_modules_id_fk
    foreign key (student_module_id) references student_modules (id) on delete cascade;

create index fk_student_education_std_no on student_education (std_no);
create index fk_next_of_kins_std_no on next_of_kins (std_no);
create index fk_programs_school_id on programs (school_id);
create index fk_structures_program_id on structures (program_id);
create index fk_structure_semesters_structure_id on structure_semesters (structure_id);
create index fk_semester_modules_module_id on semester_modules (module_id);
create index fk_semester_modules_semester_id on semester_modules (semester_id);
create index fk_module_prerequisites_semester_module_id on module_prerequisites (semester_module_id);
create index fk_module_prerequisites_prerequisite_id on module_prerequisites (prerequisite_id);
create index fk_student_programs_std_no on student_programs (std_no);
create index fk_student_programs_structure_id on student_programs (structure_id);
create index student_programs_active on student_programs (std_no) where status = 'Active';
create index fk_student_semesters_student_program_id on student_semesters (student_program_id);
create index fk_student_semesters_structure_semester_id on student_semesters (structure_semester_id);
create index fk_student_semesters_term_code on student_semesters (term_code);
create index fk_student_modules_semester_module_id on student_modules (semester_module_id);
create index fk_student_modules_student_semester_id on student_modules (student_semester_id);
create index student_modules_status on student_modules (status);
create index fk_assessments_module_id on assessments (module_id);
create index fk_assessments_term_id on assessments (term_id);
create index fk_assessment_marks_assessment_id on assessment_marks (assessment_id);
create index fk_assessment_marks_student_module_id on assessment_marks (student_module_id);
create index students_name_lower on students (lower(name));

create view school_enrolment as
select
    schools.id,
    schools.code,
    schools.name,
    count(distinct student_programs.std_no) as students,
    count(distinct student_programs.std_no) filter (where student_programs.status = 'Active') as active_students
from schools
left join programs on programs.school_id = schools.id
left join structures on structures.program_id = programs.id
left join student_programs on student_programs.structure_id = structures.id
group by schools.id, schools.code, schools.name;

comment on view school_enrolment is 'Students of each school, and those of them in an active program.';

create function credits_of_student(student_number bigint) returns real
language sql stable
begin atomic
    select coalesce(sum(student_modules.credits), 0)::real
    from student_programs
    join student_semesters on student_semesters.student_program_id = student_programs.id
    join student_modules on student_modules.student_semester_id = student_semesters.id
    where student_programs.std_no = student_number
        and student_modules.grade not in ('F', 'X', 'NM', 'ANN', 'DNC', 'DNS');
end;

comment on function credits_of_student(bigint) is 'Credits of all modules a student has passed, in whatever program.';
