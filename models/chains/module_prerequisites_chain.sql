select
    mp.id as prereq_id,
    mp.semester_module_id,
    sm1.id as semester_module_id_check,
    sm1.module_id as main_module_id,
    m1.code as main_module_code,
    mp.prerequisite_id,
    sm2.id as prerequisite_id_check,
    sm2.module_id as prereq_module_id,
    m2.code as prereq_module_code
from {{ source('registry', 'module_prerequisites') }} as mp
inner join {{ source('registry', 'semester_modules') }} as sm1 on mp.semester_module_id = sm1.id
inner join {{ source('registry', 'modules') }} as m1 on sm1.module_id = m1.id
inner join {{ source('registry', 'semester_modules') }} as sm2 on mp.prerequisite_id = sm2.id
inner join {{ source('registry', 'modules') }} as m2 on sm2.module_id = m2.id
