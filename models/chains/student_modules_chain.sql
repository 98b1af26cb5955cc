select
    s.std_no,
    sp.id as student_program_id,
    ss.id as student_semester_id,
    ss.structure_semester_id,
    strsem.id as structure_semester_id_check,
    sm.id as student_module_id,
    sm.semester_module_id,
    semmod.id as semester_module_id_check,
    semmod.module_id,
    m.id as module_id_check,
    m.code as module_code
from {{ source('registry', 'students') }} as s
inner join {{ source('registry', 'student_programs') }} as sp on s.std_no = sp.std_no
inner join {{ source('registry', 'student_semesters') }} as ss on sp.id = ss.student_program_id
inner join {{ source('registry', 'structure_semesters') }} as strsem on ss.structure_semester_id = strsem.id
inner join {{ source('registry', 'student_modules') }} as sm on ss.id = sm.student_semester_id
inner join {{ source('registry', 'semester_modules') }} as semmod on sm.semester_module_id = semmod.id
inner join {{ source('registry', 'modules') }} as m on semmod.module_id = m.id
