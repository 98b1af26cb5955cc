select
    am.id as assessment_mark_id,
    am.student_module_id,
    sm.id as student_module_id_check,
    sm.semester_module_id,
    semmod.module_id,
    a.id as assessment_id,
    a.module_id as assessment_module_id
from {{ source('registry', 'assessment_marks') }} as am
inner join {{ source('registry', 'student_modules') }} as sm on am.student_module_id = sm.id
inner join {{ source('registry', 'semester_modules') }} as semmod on sm.semester_module_id = semmod.id
inner join {{ source('registry', 'assessments') }} as a on am.assessment_id = a.id
