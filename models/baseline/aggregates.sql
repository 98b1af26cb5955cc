-- marks is text in the live registry ('NM', '' and decimals occur): what is a number is summed, what is not is counted
with marks as (
    select
        grade,
        case when marks::text ~ '^\s*[-+]?[0-9]+(\.[0-9]+)?\s*$' then marks::text::numeric end as mark,
        marks is not null as given
    from {{ source('registry', 'student_modules') }}
),

totals as (
    select
        sum(mark) as total_marks,
        avg(mark) as average_marks,
        count(distinct grade) as distinct_grades,
        count(*) filter (where given and mark is null) as marks_not_numeric
    from marks
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
    marks_not_numeric::numeric as aggregate_value
from totals

union all

select
    'students_per_school' as aggregate_name,
    'students_per_school: ' || school_code as aggregate_key,
    student_count::numeric as aggregate_value
from students_per_school
