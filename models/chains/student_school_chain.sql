select
    s.std_no,
    sp.id as student_program_id,
    sp.structure_id,
    st.id as structure_id_check,
    st.program_id,
    p.id as program_id_check,
    p.school_id,
    sch.id as school_id_check,
    sch.code as school_code
from {{ source('registry', 'students') }} as s
inner join {{ source('registry', 'student_programs') }} as sp on s.std_no = sp.std_no
inner join {{ source('registry', 'structures') }} as st on sp.structure_id = st.id
inner join {{ source('registry', 'programs') }} as p on st.program_id = p.id
inner join {{ source('registry', 'schools') }} as sch on p.school_id = sch.id
