"""Finds what a further column of a core table breaks: every function is read twice, with the column and without.

What some call comes to breaks. What a condition that can be evaluated here excludes does not, and what a handler catches may.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from driver.row_uses.plpgsql import Flow, Piece, Token, index_of, parted, pieces
from driver.row_uses.shapes import (
    ADDED,
    SILENT,
    Added,
    Catalogue,
    Columns,
    Elements,
    Inherited,
    Json,
    Reader,
    Whole,
    first_of,
    is_stored,
    names_of,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from driver.dbt_project import CoreTable

Name = tuple[str, str]
RECORD, TRIGGER = 2249, 2279
ANY, ANY_ARRAY = (2283, 5077), (2277, 5078)  # anyelement, anycompatible and their arrays
_PLAIN = {"limit_option": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
_COLUMNS = r"information_schema\.columns|pg_attribute"
_KEPT = (
    "null",
    "compare",
    "record",
    "returns",
)  # what breaks where PostgreSQL keeps the text parsed: names stay what they were
_EXPRESSIONS = ("if", "elsif", "elseif", "while", "case", "when", "exit", "continue", "perform", "assert")
_NOTHING = ("get", "null", "close", "commit", "rollback", "end", "move", "else", "begin", "loop", "exception")
_LEVELS = (("debug",), ("log",), ("info",), ("notice",), ("warning",))
# What may be evaluated without asking more than the server's own functions and types.
_FUNCTIONS = re.compile(
    "format|concat(_ws)?|quote_(ident|literal)|lower|upper|replace|[blr]trim|left|right|substr(ing)?|length|to_regclass"
    "|split_part|strpos|position|string_to_array|array_(position|length)|cardinality|starts_with"
)
_TYPES = re.compile("text|varchar|bpchar|char|name|bool|int[248]|numeric|float8|oid|regclass|date|timestamp(tz)?")
_KNOWN_TYPES = re.compile(
    "text|varchar|character varying|name|bool(ean)?|int(eger|[248])?|bigint|oid|regclass", re.IGNORECASE
)
# The names of errors by which a handler catches what was found; others has them all.
_CAUGHT = re.compile("syntax_error|datatype_mismatch|grouping_error|ambiguous_column|cannot_coerce|invalid_column|'42")
_CAUGHT_COPIES = re.compile("unique_violation|integrity_constraint_violation|'23")
RELATIONS = """
select
    n.nspname::text,
    c.relname::text,
    pg_catalog.array_agg(a.attname::text order by a.attnum),
    pg_catalog.array_agg(a.atttypid::bigint order by a.attnum)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and n.nspname !~ '^pg_(toast|temp)' and n.nspname <> 'information_schema'
group by 1, 2
"""
# Each type that is made of a row type: that of which relation, whether it is one of arrays, and what it is called.
TYPES = """
with recursive made as (
    select t.oid, t.typrelid as relation from pg_catalog.pg_type as t where t.typrelid <> 0
    union
    select t.oid, made.relation
    from made
    inner join pg_catalog.pg_type as t
        on made.oid = case when t.typbasetype <> 0 then t.typbasetype when t.typcategory = 'A' then t.typelem end
)
select t.oid::bigint, t.typcategory = 'A', rn.nspname::text, r.relname::text, n.nspname::text, t.typname::text
from made
inner join pg_catalog.pg_type as t on made.oid = t.oid
inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
inner join pg_catalog.pg_class as r on made.relation = r.oid
inner join pg_catalog.pg_namespace as rn on r.relnamespace = rn.oid
"""
CHILDREN = """
with recursive children as (
    select i.inhrelid, i.inhparent from pg_catalog.pg_inherits as i
    union
    select i.inhrelid, c.inhparent from pg_catalog.pg_inherits as i inner join children as c on i.inhparent = c.inhrelid
)
select cn.nspname::text, c.relname::text, pn.nspname::text, p.relname::text
from children as i
inner join pg_catalog.pg_class as c on i.inhrelid = c.oid and c.relkind in ('r', 'p', 'f')
inner join pg_catalog.pg_namespace as cn on c.relnamespace = cn.oid
inner join pg_catalog.pg_class as p on i.inhparent = p.oid
inner join pg_catalog.pg_namespace as pn on p.relnamespace = pn.oid
"""
ROUTINES = """
select
    p.oid::regprocedure::text as called,
    n.nspname::text as schema_name,
    p.proname::text as routine_name,
    l.lanname::text as language,
    coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as body,
    p.prosqlbody is not null as parsed,
    p.prorettype::bigint as returned,
    p.proargnames::text[] as names,
    p.proargmodes::text[] as modes,
    coalesce(p.proallargtypes, p.proargtypes::oid[])::bigint[] as types,
    coalesce(
        (select c from pg_catalog.unnest(p.proconfig) as c where c like 'search_path=%%'),
        'search_path=' || pg_catalog.array_to_string(pg_catalog.current_schemas(false), ',')
    ) as search_path,
    pg_catalog.concat(
        p.proconfig::text, pg_catalog.current_setting('plpgsql.extra_errors', true)
    ) ~ 'strict_multi_assignment|extra_errors=all|^all' as strict,
    array(
        select pg_catalog.json_build_object(
            'tg_op', e.operation, 'tg_name', t.tgname, 'tg_relid', tc.oid, 'tg_table_schema', tn.nspname,
            'tg_table_name', tc.relname, 'tg_relname', tc.relname, 'tg_nargs', t.tgnargs,
            'tg_argv', pg_catalog.encode(t.tgargs, 'hex'), 'tg_level', case t.tgtype & 1 when 1 then 'ROW' else 'STATEMENT' end,
            'tg_when', case t.tgtype & 66 when 2 then 'BEFORE' when 64 then 'INSTEAD OF' else 'AFTER' end,
            'new', t.tgnewtable, 'old', t.tgoldtable
        )
        from pg_catalog.pg_trigger as t
        inner join pg_catalog.pg_class as tc on t.tgrelid = tc.oid
        inner join pg_catalog.pg_namespace as tn on tc.relnamespace = tn.oid
        inner join (values ('INSERT', 4), ('DELETE', 8), ('UPDATE', 16), ('TRUNCATE', 32)) as e (operation, bit)
            on t.tgtype & e.bit <> 0
        where t.tgfoid = p.oid and not t.tgisinternal and t.tgenabled in ('O', 'A')
    ) as triggers
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
inner join pg_catalog.pg_language as l on p.prolang = l.oid
where
    p.prokind in ('f', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', %s)
    and not exists (select 1 from pg_catalog.pg_depend as d where d.objid = p.oid and d.deptype = 'e')
order by 1
"""
# What PostgreSQL keeps parsed, as it writes it: a star is written out, a whole row is not.
EXPRESSIONS = """
select o.called, o.body
from (
    select v.oid, v.relnamespace, 'view ' || v.oid::regclass, pg_catalog.pg_get_viewdef(v.oid)
    from pg_catalog.pg_class as v
    where v.relkind in ('v', 'm')
    union all
    select k.conrelid, k.connamespace, pg_catalog.format('constraint %%I of %%s', k.conname, k.conrelid::regclass),
        'select ' || pg_catalog.pg_get_expr(k.conbin, k.conrelid) || ' from ' || k.conrelid::regclass
    from pg_catalog.pg_constraint as k
    where k.contype = 'c' and k.conrelid <> 0
    union all
    select r.oid, r.relnamespace, pg_catalog.format('trigger %%I of %%s', t.tgname, r.oid::regclass), pg_catalog.format(
        'select %%s from %%s as new, %%2$s as old',
        pg_catalog.substring(pg_catalog.pg_get_triggerdef(t.oid), ' WHEN \\((.+)\\) EXECUTE '), r.oid::regclass
    )
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as r on t.tgrelid = r.oid
    where t.tgqual is not null and t.tgenabled in ('O', 'A')
    union all
    select r.oid, r.relnamespace, pg_catalog.format('policy %%I of %%s', p.polname, r.oid::regclass), pg_catalog.format(
        'select %%s from %%s', pg_catalog.concat_ws(
            ', ', pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
        ), r.oid::regclass
    )
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as r on p.polrelid = r.oid
) as o (oid, namespace, called, body)
inner join pg_catalog.pg_namespace as n on o.namespace = n.oid
where
    n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', %s)
    and not exists (select 1 from pg_catalog.pg_depend as d where d.objid = o.oid and d.deptype = 'e')
order by 1
"""


@dataclass(frozen=True)
class Use:
    """Something that a function does.

    Attributes:
        kind: breaks; may (a handler catches it, or it depends on what is done with the answer); unseen (what it does cannot
            be read); typed (it returns or takes a row of a core table).
        where: the function and, but for typed, the line of its body.
        text: what it does.
    """

    kind: str
    where: str
    text: str


def find(session: psycopg.Connection[Any], tables: Sequence[CoreTable], audit_schema: str) -> tuple[int, list[Use]]:
    """Reads every function and procedure of the application, and what its views, checks, triggers and policies ask.

    Says how many functions were read, and what was found. Our own schema is left out.
    """
    from psycopg.rows import dict_row

    with session.cursor(row_factory=dict_row) as cursor:
        routines = cursor.execute(ROUTINES, [audit_schema]).fetchall()
    before, after = _catalogues(session, tables, routines)
    core = {(table.schema, table.identifier) for table in tables}
    names = [routine["routine_name"] for routine in routines]
    given = [one for one in routines if _is_record(one) or before.row_types.get(one["returned"]) in core]
    for routine in given * 2:  # twice, as they may call each other
        name = routine["routine_name"]
        for world in (before, after):
            reading = _Routine(session, world, routine, None)
            gave = reading.gave if reading.read() else None
            if _is_record(routine) or (is_stored(gave) and names.count(name) == 1):
                world.given[name] = gave
    uses: dict[Use, None] = {}
    for routine in routines:
        worlds = [
            [_Routine(session, world, routine, trigger) for trigger in routine["triggers"] or [None]]
            for world in (before, after)
        ]
        uses |= dict.fromkeys(_uses(routine, core, before.row_types, worlds))
    for called, text in session.execute(EXPRESSIONS, [audit_schema]).fetchall():
        broken = _broken(session, text, before, after, _KEPT)
        uses |= {Use("breaks", called, problem): None for problem in broken}
    return len(routines), [use for use in uses if use.kind != "may" or replace(use, kind="breaks") not in uses]


def _uses(
    routine: Mapping[str, Any], core: set[Name], row_types: Mapping[int, Name], worlds: Sequence[Sequence[_Routine]]
) -> Iterator[Use]:
    """What one function does; `worlds` are its readings before and after, one for each event of each of its triggers."""
    called = routine["called"]
    typed = core.intersection(row_types.get(oid, ("", "")) for oid in (routine["returned"], *routine["types"]))
    if typed:
        yield Use("typed", called, ", ".join(sorted(name for _, name in typed)))
    of_core = core.intersection(
        (trigger["tg_table_schema"], trigger["tg_table_name"]) for trigger in routine["triggers"]
    )
    concerned = typed or of_core or re.search("|".join([_COLUMNS, *(name for _, name in core)]), routine["body"])
    unread = "" if routine["language"] in ("sql", "plpgsql") else f"is written in {routine['language']}"
    if unread or not all(reading.read() for readings in worlds for reading in readings):
        if concerned:
            yield Use("unseen", called, unread or "could not be read")
        return
    if asked := re.search(_COLUMNS, routine["body"]):
        line = routine["body"][: asked.start()].count("\n") + 1
        yield Use("unseen", f"{called}, line {line}", "asks the catalogue for the columns of tables")
    for old, new in zip(*worlds, strict=True):
        if len(new.record or ()) != len(old.record or ()):
            yield Use("may", called, "it gives one more column, and its callers list them")
        known = {(problem.kind, new.line(problem.place)) for problem in old.reader.problems}
        for problem in new.reader.problems:
            line = new.line(problem.place)
            if (problem.kind, line) not in known:
                yield Use("breaks" if problem.certain else "may", f"{called}, line {line}", problem.text)
        for place in new.dynamic if concerned else ():
            yield Use("unseen", f"{called}, line {new.line(place)}", "executes a text that it puts together")


def broken_statements(session: psycopg.Connection[Any], tables: Sequence[CoreTable]) -> list[tuple[str, str]]:
    """What breaks of the statements that the server has counted: the statement, and why.

    Raises:
        psycopg.Error: they may not be read, or are not counted here.
    """
    before, after = _catalogues(session, tables, ())
    found = session.execute(
        "select s.query from pg_stat_statements as s where s.dbid = (select d.oid from pg_catalog.pg_database as d"
        " where d.datname = pg_catalog.current_database()) and s.query !~ 'cms_id' order by s.calls desc limit 5000"
    ).fetchall()
    return [(query, broken[-1]) for (query,) in found if (broken := _broken(session, query, before, after))]


def _broken(
    session: psycopg.Connection[Any], text: str, before: Catalogue, after: Catalogue, kinds: Collection[str] = ()
) -> list[str]:
    """What breaks of statements as the session would read them, in words; of some kinds, or of all."""
    problems = []
    for world in (before, after):
        reader = Reader(world, session.execute("select pg_catalog.current_schemas(false)").fetchall()[0][0])
        reader.statements(_parse(text) or ())
        problems.append({problem.kind: problem.text for problem in reader.problems})
    return [text for kind, text in problems[1].items() if kind not in problems[0] and kind in (kinds or problems[1])]


def _catalogues(
    session: psycopg.Connection[Any], tables: Sequence[CoreTable], routines: Iterable[Mapping[str, Any]]
) -> tuple[Catalogue, Catalogue]:
    """What names mean before the migration, and after it."""
    relations, types = (session.execute(query).fetchall() for query in (RELATIONS, TYPES))
    row_types = {oid: (schema, name) for oid, _, schema, name, *_ in types}
    arrays = {oid for oid, is_array, *_ in types if is_array}
    core = {(table.schema, table.identifier) for table in tables}
    heirs = {(child[0], child[1]) for child in session.execute(CHILDREN) if (child[2], child[3]) in core}
    grown = {**dict.fromkeys(heirs, Inherited(ADDED)), **dict.fromkeys(core, Added(ADDED))}
    before, after = Catalogue({}, row_types, arrays), Catalogue({}, row_types, arrays)
    after.evaluated = before.evaluated
    for world in (before, after):
        for schema, name, columns, _ in relations:
            more = [grown[schema, name]] if world is after and (schema, name) in grown and ADDED not in columns else []
            world.relations[schema, name] = columns + more
        for schema, name, columns, oids in relations:
            for place, oid in enumerate(oids):
                if row := world.columns_of(oid):
                    world.relations[schema, name][place] = Whole(columns[place], row)
        world.relations |= {
            (schema, name): row
            for oid, _, _, _, schema, name in types
            if (schema, name) not in world.relations and (row := world.columns_of(oid))
        }
        for routine in routines:
            name, returned = routine["routine_name"], routine["returned"]
            inputs = _arguments(routine, "ibv")
            outs: Columns = [Whole(out, world.columns_of(oid)) for out, oid in _arguments(routine, "obt")]
            gives: Any = None if returned in arrays else world.columns_of(returned) or outs or None
            if returned in ANY:
                gives = next((at for at, (_, oid) in enumerate(inputs) if oid in (*ANY, *ANY_ARRAY)), None)
            takes = {key: oid for at, (n, oid) in enumerate(inputs) if oid in row_types for key in (at, n)}
            # those of the same name may differ
            world.given[name] = gives if world.given.get(name, gives) == gives else None
            world.taken[name] = takes if world.taken.get(name, takes) == takes else {}
    return before, after


def _is_record(routine: Mapping[str, Any]) -> bool:
    """Whether its rows are what it happens to give, which its callers list."""
    return routine["returned"] == RECORD and routine["language"] in ("sql", "plpgsql") and not _outs(routine)


def _arguments(routine: Mapping[str, Any], modes: str) -> list[tuple[str, int]]:
    """The names and types of what it takes (ibv) or gives (obt)."""
    types = routine["types"]
    found = zip(routine["names"] or [""] * len(types), routine["modes"] or "i" * len(types), types, strict=True)
    return [(name, oid) for name, mode, oid in found if mode in modes]


def _outs(routine: Mapping[str, Any]) -> Columns:
    return [name for name, _ in _arguments(routine, "obt")]


@lru_cache(maxsize=4096)
def _parse(text: str) -> list[dict[str, Any]] | None:
    """The statements of a text; None where it is none that PostgreSQL could read."""
    import postgast
    from google.protobuf.json_format import MessageToDict

    try:
        tree = MessageToDict(postgast.parse(text), preserving_proto_field_name=True)
    except postgast.PgQueryError:
        return None
    return [one["stmt"] for one in tree.get("stmts", ())]


def _expression(text: str) -> dict[str, Any]:
    """What one expression is parsed to; nothing where it is none."""
    parsed = _parse(f"select {text}")
    targets = parsed[0]["select_stmt"].get("target_list", []) if parsed else []
    found: dict[str, Any] = targets[0]["res_target"]["val"] if len(targets) == 1 else {}
    return found


def _text(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)


def _put(tokens: Sequence[Token], others: Mapping[str, str]) -> list[Token]:
    """The tokens with some words in place of others, so that PostgreSQL's parser reads them."""
    return [replace(token, text=others.get(token.text.lower(), token.text)) for token in tokens]


def _literal(value: str, kind: str) -> dict[str, Any]:
    """A value of a type, as the parser gives it."""
    quoted = value.replace("'", "''")
    return _expression(f"'{quoted}'::{kind}")


def _trigger_values(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """What the variables of a trigger function hold."""
    arguments = [part.decode(errors="replace") for part in bytes.fromhex(trigger["tg_argv"]).split(b"\0")[:-1]]
    quoted = ['"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in arguments]
    values = {name: _literal(str(trigger[name]), "text") for name in trigger if name not in ("tg_argv", "new", "old")}
    values["tg_relid"] = _literal(str(trigger["tg_relid"]), "oid")
    values["tg_nargs"] = _literal(str(trigger["tg_nargs"]), "int4")
    values["tg_argv"] = _literal(f"[0:{len(quoted) - 1}]={{{','.join(quoted)}}}" if quoted else "{}", "text[]")
    return values


class _Routine:
    """One function as one catalogue has it, and as one trigger calls it."""

    def __init__(
        self,
        session: psycopg.Connection[Any],
        world: Catalogue,
        routine: Mapping[str, Any],
        trigger: Mapping[str, Any] | None,
    ) -> None:
        self._session = session
        self._routine = routine
        self._raw: bytes = routine["body"].encode()
        path = [part.strip().strip('"') for part in routine["search_path"].partition("=")[2].split(",")]
        self.reader = Reader(world, path)
        self.dynamic: list[int] = []
        self._is_called = routine["returned"] != TRIGGER or trigger is not None
        self.gave: Columns | None = None
        self._start = 0
        self._flow = Flow()
        self._types: dict[str, str] = {}
        self._records: set[str] = set()
        self._cursors: dict[str, Columns | None] = {}
        inputs, variables = (
            [(name, world.columns_of(oid)) for name, oid in _arguments(routine, modes)] for modes in ("ibv", "iobvt")
        )
        self._wins = bool(re.search(r"#\s*variable_conflict\s+use_variable", routine["body"], re.IGNORECASE))
        self.reader.names = set() if self._wins else {*_outs(routine), *(name for name, _ in inputs)}
        self.reader.parameters = [columns for _, columns in inputs]
        self.reader.rows = {name: columns for name, columns in variables if columns}
        self._returned = world.columns_of(routine["returned"]) or _outs(routine) or None
        if trigger:
            self._returned = world.relations.get((trigger["tg_table_schema"], trigger["tg_table_name"]))
            self._records = {"new", "old"}
            empty = {"INSERT": "old", "DELETE": "new", "TRUNCATE": "new"}.get(trigger["tg_op"])
            by_row = trigger["tg_level"] == "ROW"
            held = stored(self._returned) if trigger["tg_op"] == "UPDATE" else self._returned
            self.reader.rows |= {name: held for name in self._records if by_row and name != empty}
            self.reader.made |= dict.fromkeys(filter(None, (trigger["new"], trigger["old"])), held)
            self._flow.values = _trigger_values(trigger)
            self._flow.constants = set(self._flow.values)

    @property
    def record(self) -> Columns | None:
        """What it gives where its callers list that."""
        return self.gave if _is_record(self._routine) else None

    def line(self, place: int) -> int:
        """The line of the body, from 1; a line end right behind the opening quotes counts, as in the server's messages."""
        return self._raw[: max(place, 0)].count(b"\n") + 1

    def read(self) -> bool:
        """Reads the body; whether that was possible."""
        import postgast

        try:
            if self._routine["language"] == "sql":
                return self._read_sql()
            for piece in pieces(self._routine["body"]):
                self._divide(piece)
                if self._flow.reach:
                    known = len(self.reader.problems)
                    self._start = piece.tokens[0].start
                    self._piece(piece)
                    self.reader.problems[known:] = [
                        replace(problem, place=self._start, certain=problem.certain and self._is_called)
                        for problem in self.reader.problems[known:]
                    ]
                self._enter(piece)
        except (postgast.PgQueryError, LookupError):
            return False
        return True

    def _read_sql(self) -> bool:
        head = "create function f() " if self._routine["parsed"] else ""
        statements = _parse(head + self._routine["body"])
        if statements is None:
            return False
        if head:
            made = statements[0]["create_function_stmt"].get("sql_body", {})
            statements = made["list"]["items"][0]["list"]["items"] if "list" in made else [made]
        given = self.reader.statements(statements)
        if given and len(given) > 1:
            self.reader.at = first_of(statements[-1], self.reader.at)
            self._fits(given)
        self.reader.problems = [
            replace(problem, place=problem.place - len(head))
            for problem in self.reader.problems
            if not head or problem.kind in _KEPT
        ]
        return True

    def _fits(self, given: Columns | None) -> None:
        self.gave = given if self.gave is None or is_stored(self.gave) else self.gave
        if given is not None and self._returned is not None and len(given) != len(self._returned):
            self.reader.problem("returns", f"it gives {len(given)} columns where {len(self._returned)} are returned")

    # ---- what is run

    def _divide(self, piece: Piece) -> None:
        """What ends before a piece."""
        head, flow = piece.words[0], self._flow
        if head not in ("end", "exception", "when", "else", "elsif", "elseif"):
            return
        frame = flow.end_branch()
        if frame.kind == "begin" and head in ("when", "end") and not frame.raised:
            for place in frame.caught:
                self.reader.problems[place] = replace(self.reader.problems[place], certain=False)
        frame.caught = []
        if head == "end":
            flow.frames.pop()
        elif head == "exception":
            frame.tried = list(range(frame.known, len(self.reader.problems)))
            flow.handle()
        elif frame.kind == "begin":
            names = {word for word in piece.words[1:] if word != "or"}
            for place in frame.tried:
                kind = self.reader.problems[place].kind
                error = _CAUGHT_COPIES if kind == "copies" else _CAUGHT
                if kind not in SILENT and ("others" in names or any(map(error.match, names))):
                    frame.caught.append(place)
            frame.tried = [place for place in frame.tried if place not in frame.caught]
            flow.branch(truth=None)
        elif head == "else":
            flow.branch(truth=True)
        else:
            frame.reach = frame.rest

    def _enter(self, piece: Piece) -> None:
        """What begins after a piece, or is not run after it."""
        head, words, flow, known = piece.words[0], piece.words, self._flow, len(self.reader.problems)
        kind = "loop" if head in ("loop", "for", "foreach", "while") else head
        if kind in ("begin", "if", "case", "loop"):
            flow.open(kind, known, sure=kind != "loop")
        if head in ("if", "elsif", "elseif", "while"):
            flow.branch(self._truth(_text(piece.tokens[1:])))
        elif head in ("case", "when") and flow.frames[-1].kind == "case":
            before, behind = parted(piece.tokens, "when")
            flow.frames[-1].subject = before[1:] or flow.frames[-1].subject
            asked, subject = _text(behind), _text(flow.frames[-1].subject)
            flow.branch(self._truth(f"({subject}) in ({asked})" if subject else asked))
        elif head == "return" and words[1:2] not in (("query",), ("next",)):
            flow.leave()
        elif head == "raise" and words[1:2] not in _LEVELS:
            flow.fail()
        elif head in ("exit", "continue"):
            flow.open("if", known)
            flow.branch(self._truth(_text(parted(piece.tokens, "when")[1])) if "when" in words else True)
            flow.leave(head)
            flow.frames.pop()
        elif head in ("get", "call"):
            flow.values = {name: value for name, value in flow.values.items() if name not in words}

    def _truth(self, text: str) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        return self._decided(_expression(text))

    def _decided(self, node: dict[str, Any]) -> bool | None:
        asked = node.get("bool_expr")
        if asked is None:
            value = self._evaluated(node)
            return None if value is None else value in ("true", "t")
        found = [self._decided(one) for one in asked["args"]]
        if asked["boolop"] == "NOT_EXPR":
            return None if found[0] is None else not found[0]
        decisive = asked["boolop"] == "OR_EXPR"
        return decisive if decisive in found else None if None in found else not decisive

    def _evaluated(self, node: dict[str, Any]) -> str | None:
        """The value of an expression as the server gives it, where it is a constant here; None where it is not, or null."""
        import postgast
        import psycopg
        from google.protobuf.json_format import ParseDict

        try:
            known = self._known(node)
            asked, evaluated = str(known), self.reader.catalogue.evaluated
            if asked not in evaluated:
                evaluated[asked] = None
                select = {"target_list": [{"res_target": {"val": known}}], **_PLAIN}
                text = postgast.deparse(
                    ParseDict({"stmts": [{"stmt": {"select_stmt": select}}]}, postgast.ParseResult())
                )
                with self._session.transaction():
                    evaluated[asked] = self._session.execute(f"select ({text})::text".encode()).fetchall()[0][0]
        except (LookupError, postgast.PgQueryError, psycopg.Error):
            return None
        return evaluated[asked]

    def _known(self, node: Any) -> Any:
        """An expression with its variables replaced by what they hold.

        Raises:
            LookupError: it is more than the server's own functions of what is known.
        """
        if isinstance(node, list):
            return [self._known(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "column_ref" in node:
            return self._flow.values[".".join(names_of(node["column_ref"]["fields"]))]
        for kind, content in node.items():
            if kind in ("sub_link", "param_ref", "row_expr", "set_to_default", "sql_value_function", "collate_clause"):
                raise LookupError(kind)
            if kind == "func_call" and not _FUNCTIONS.fullmatch(names_of(content["funcname"])[-1]):
                raise LookupError(kind)
            if kind == "type_name" and not _TYPES.fullmatch(names_of(content["names"])[-1]):
                raise LookupError(kind)
        return {kind: self._known(content) for kind, content in node.items()}

    # ---- plpgsql

    def _piece(self, piece: Piece) -> None:
        tokens, head = piece.tokens, piece.words[0]
        reads: dict[str, Callable[[Sequence[Token]], object]] = {
            "return": self._return,
            "for": self._for,
            "foreach": lambda one: self._assign(one[1:2], self._value(parted(one, "array")[1])),
            "raise": self._raise,
            "execute": lambda one: self._execute(one[1:]),
            "open": self._cursor,
            "fetch": self._cursor,
        }
        before, behind = parted(tokens, "when" if head in ("case", "exit", "continue") else head)
        if piece.declares:
            self._declare(tokens)
        elif head in reads:
            reads[head](tokens)
        elif head in _EXPRESSIONS:
            if head == "case":
                self._query(before[1:], "select ")
            if head != "when" or self._flow.frames[-1].kind == "case":
                self._query(behind, "select ")
        elif piece.words[1:2] and piece.words[1] in (":=", "=", ".", "["):
            target, value = parted(tokens, ":=", "=")
            given = self._value(value)
            if len(target) == 1:
                self._assign(target, given, value)
            else:
                self._flow.values.pop(tokens[0].name, None)
                self._query(target, "select ")
        elif head not in _NOTHING:
            self._sql(piece)

    def _raise(self, tokens: Sequence[Token]) -> None:
        """RAISE: what is put into its text, and its options."""
        told, options = parted(tokens, "using")
        self._query(parted(told, ",")[1], "select ")
        self._query(_put(options, {":=": "="}), "select ")

    def _cursor(self, tokens: Sequence[Token]) -> None:
        """OPEN, which may say for which query, and FETCH."""
        before, behind = parted(tokens, "into", "for")
        if behind and tokens[0].name == "fetch":
            self._assign(behind, self._cursors.get(before[-1].name))
        elif behind:
            self._cursors[tokens[1].name] = self._opened(behind)
        elif tokens[0].name == "open" and len(tokens) > 2:  # noqa: PLR2004 - what a declared cursor takes
            self._query(_put(tokens[1:], {":=": "=>"}), "select ")

    def _opened(self, tokens: Sequence[Token]) -> Columns | None:
        """The columns of a query, or of what EXECUTE runs."""
        return self._execute(tokens[1:]) if tokens[0].name == "execute" else self._query(tokens)

    def _declare(self, tokens: Sequence[Token]) -> None:
        name, *words = [token.name for token in tokens]
        if not self._wins:
            self.reader.names.add(name)
        self._flow.values.pop(name, None)
        if "cursor" in words[:3]:
            self._cursors[name] = self._query(parted(tokens, "for", "is")[1])
            return
        kept = tokens[1 + (words[0] == "constant") :]
        declared = parted(kept, ":=", "=", "default", "not", "collate")[0]
        value = parted(kept, ":=", "=", "default")[1]
        kind = [token.name for token in declared]
        self._types[name] = _text(declared)
        if kind == ["record"]:
            self._records.add(name)
        elif kind[0] == "alias":
            self.reader.rows[name] = self._value(kept[2:])
        elif "type" not in kind:
            array = next((place for place, part in enumerate(kind) if part in ("[", "array")), None)
            names = [part for part in kind[:array] if part not in (".", "%", "rowtype")]
            row = self.reader.catalogue.relation(names, self.reader.path)
            self.reader.rows[name] = Elements(row) if row and array else row
        if value:
            self._assign(tokens[:1], self._value(value), value)
        if words[0] == "constant":
            self._flow.constants.add(name)

    def _return(self, tokens: Sequence[Token]) -> None:
        kind = tokens[1].name if len(tokens) > 1 else ""
        self._fits(self._opened(tokens[2:]) if kind == "query" else self._value(tokens[1 + (kind == "next") :]))

    def _for(self, tokens: Sequence[Token]) -> None:
        targets, asked = parted(tokens[1:], "in")
        is_reverse = asked[0].name == "reverse"
        if is_reverse or parted(asked, "..")[1]:
            self._query(_put(asked[is_reverse:], {"..": ",", "by": ","}), "select ")
            return
        if asked[0].name in self._cursors:
            given = self._cursors[asked[0].name]
            self._records.add(targets[0].name)
            self._query(asked, "select ")
        else:
            given = self._opened(asked)
        self._assign(targets, given)

    def _sql(self, piece: Piece) -> None:
        """A statement, with the INTO that plpgsql adds to it taken out."""
        tokens, words = piece.tokens, piece.words
        place = index_of(tokens, "into")
        while place > 0 and words[place - 1] in ("insert", "merge"):
            place = index_of(tokens, "into", start=place + 1)
        if place < 0:
            self._query(tokens)
            return
        start = place + 1 + (words[place + 1] == "strict")
        end = start + 1
        while end < len(tokens) and (words[end] in (",", ".") or words[end - 1] in (",", ".")):
            end += 1
        self._assign(tokens[start:end], self._query([*tokens[:place], *tokens[end:]]))

    def _execute(self, tokens: Sequence[Token]) -> Columns | None:
        """EXECUTE: a text that is known is read as well, with what it is given."""
        asked = parted(tokens, "into", "using")[0]
        into, using = (
            parted(parted(tokens, one)[1], other)[0] for one, other in (("into", "using"), ("using", "into"))
        )
        self._query(asked, "select ")
        text = self._evaluated(_expression(_text(asked)))
        statements = _parse(text) if text else None
        columns = None
        if statements is None:
            self.dynamic.append(self._start)
        else:  # what it finds and makes is this one's too
            columns = replace(self.reader, names=set(), parameters=self._values(using)).statements(statements)
        self._assign(into, columns)
        return columns

    def _assign(self, targets: Sequence[Token], given: Columns | None, value: Sequence[Token] = ()) -> None:
        """A row, the row of a query, or a value that may be known gets into a variable."""
        if len(targets) == 1:
            name = targets[0].name
            held, row = next(iter(given or ()), None), self.reader.rows.get(name)
            if len(given or ()) == 1 and isinstance(held, Whole) and isinstance(held.row, (Elements, Json)):
                given = held.row
            if name in self._records or isinstance(given, Json) or isinstance(row, Json):
                self.reader.rows[name] = given
            else:
                self.reader.lands(given, row, f"{name}:")
                self.reader.rows[name] = stored(row, still=is_stored(given))
        wanted = sum(target.text == "," for target in targets) + 1
        if wanted > 1:
            self.reader.lands(given, [token.name for token in targets if token.text != ","], "the variable")
        if wanted > 1 and self._routine["strict"] and given is not None and len(given) != wanted:
            self.reader.problem(
                "strict", f"{len(given)} columns are assigned to {wanted} variables, which extra_errors forbids"
            )
        known = self._evaluated(_expression(_text(value))) if value else None
        for target in targets:
            self._flow.values.pop(target.name, None)
        kind = _KNOWN_TYPES.fullmatch(self._types.get(targets[0].name, "")) if known is not None else None
        if known is not None and kind:
            self._flow.values[targets[0].name] = _literal(known, kind.group())

    def _query(self, tokens: Sequence[Token], prefix: str = "") -> Columns | None:
        """The columns of a query, and everything in it looked at."""
        parsed = _parse(prefix + _text(tokens)) if tokens else []
        if parsed is None:
            raise LookupError(_text(tokens))
        return self.reader.statements(parsed)

    def _values(self, tokens: Sequence[Token]) -> list[Columns | None]:
        """The columns of each expression of a list; None for what is no row."""
        return [getattr(value, "row", None) for value in self._query(tokens, "select ") or ()]

    def _value(self, tokens: Sequence[Token]) -> Columns | None:
        return next(iter(self._values(tokens)), None)
