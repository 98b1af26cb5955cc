-- marks is text in the live registry ('NM', '' and decimals occur): what is a number is summed, what is not is counted
with results as (
    -- each pair once, since there are few: what is costly is then done for few
    select
        grade,
        marks::text collate "C" as marks,
        count(*) as row_count
    from {{ source('registry', 'student_modules') }}
    group by 1, 2
),

numbers as (
    select
        grade,
        marks,
        row_count,
        case when marks ~ '^[[:space:]]*[-+]?[0-9]+([.][0-9]+)?[[:space:]]*$' then marks::numeric end as mark
    from results
),

totals as (
    select
        sum(mark * row_count) as total_marks,
        sum(mark * row_count) / sum(row_count) filter (where mark is not null) as average_marks,
        count(distinct grade) as distinct_grades,
        sum(row_count) filter (where marks is not null and mark is null) as marks_not_numeric
    from numbers
),

students_per_school as (
    select
        coalesce(sch.code::text, '(no code)') as school_code,
        count(distinct s.std_no) as student_count
    from {{ source('registry', 'students') }} as s
    inner join {{ source('registry', 'student_programs') }} as sp on s.std_no = sp.std_no
    inner join {{ source('registry', 'structures') }} as st on sp.structure_id = st.id
    inner join {{ source('registry', 'programs') }} as p on st.program_id = p.id
    inner join {{ source('registry', 'schools') }} as sch on p.school_id = sch.id
    group by 1
)

select
    'marks' as aggregate_name,
    'total_marks' as aggregate_key,
    total_marks as aggregate_value
from totals

union all

select
    'marks' as aggregate_name,
    'average_marks' as aggregate_key,
    average_marks as aggregate_value
from totals

union all

select
    'marks' as aggregate_name,
    'distinct_grades' as aggregate_key,
    distinct_grades::numeric as aggregate_value
from totals

union all

select
    'marks' as aggregate_name,
    'marks_not_numeric' as aggregate_key,
    coalesce(marks_not_numeric, 0) as aggregate_value
from totals

union all

select
    'students_per_school' as aggregate_name,
    'students_per_school: ' || school_code as aggregate_key,
    student_count::numeric as aggregate_value
from students_per_school
