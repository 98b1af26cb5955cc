"""Finds what a further column of a core table breaks: every function is read twice, with the column and without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from driver.row_uses.plpgsql import Piece, Token, pieces
from driver.row_uses.shapes import ADDED, Added, Catalogue, Columns, Elements, Reader, Scope, Stored, Whole, stored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from driver.dbt_project import CoreTable

Name = tuple[str, str]
_EXPRESSIONS = ("if", "elsif", "elseif", "while", "case", "when", "exit", "continue", "perform", "foreach", "assert")
_NOTHING = ("raise", "get", "null", "close", "commit", "rollback", "end", "move", "else")
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
TYPES = """
select t.oid::bigint, t.typelem::bigint + t.typbasetype::bigint, t.typcategory = 'A', n.nspname::text, c.relname::text
from pg_catalog.pg_type as t
left join pg_catalog.pg_class as c on t.typrelid = c.oid
left join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where t.typrelid <> 0 or t.typbasetype <> 0 or (t.typelem <> 0 and t.typcategory = 'A')
"""
ROUTINES = """
select
    p.oid::regprocedure::text as called,
    n.nspname::text as schema_name,
    p.proname::text as routine_name,
    l.lanname::text as language,
    case when p.prosqlbody is not null then pg_catalog.pg_get_functiondef(p.oid) else p.prosrc end as body,
    p.prosqlbody is not null as parsed,
    p.prorettype::bigint as returned,
    p.proargnames::text[] as names,
    p.proargmodes::text[] as modes,
    coalesce(p.proallargtypes, p.proargtypes::oid[])::bigint[] as types,
    coalesce(
        (select c from pg_catalog.unnest(p.proconfig) as c where c like 'search_path=%%'),
        'search_path=' || pg_catalog.array_to_string(pg_catalog.current_schemas(false), ',')
    ) as search_path,
    array(
        select array[tn.nspname, tc.relname, coalesce(t.tgnewtable, ''), coalesce(t.tgoldtable, '')]::text[]
        from pg_catalog.pg_trigger as t
        inner join pg_catalog.pg_class as tc on t.tgrelid = tc.oid
        inner join pg_catalog.pg_namespace as tn on tc.relnamespace = tn.oid
        where t.tgfoid = p.oid and not t.tgisinternal and t.tgenabled <> 'D'
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
    where t.tgqual is not null and t.tgenabled <> 'D'
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
        kind: breaks; unseen (what it does cannot be read); typed (it returns or takes a row of a core table).
        where: the function and, but for typed, the line of its body.
        text: what it does.
    """

    kind: str
    where: str
    text: str


def find(session: psycopg.Connection[Any], tables: Sequence[CoreTable], audit_schema: str) -> tuple[int, list[Use]]:
    """Reads every function and procedure of the application, and what its views, checks, triggers and policies ask.

    Args:
        session: the registry.
        tables: the core tables that are to get the column.
        audit_schema: our own schema, which is left out.

    Returns:
        How many functions were read, and what was found.
    """
    from psycopg.rows import dict_row

    with session.cursor(row_factory=dict_row) as cursor:
        routines = cursor.execute(ROUTINES, [audit_schema]).fetchall()
    before, after, row_types = _catalogues(session, tables, routines)
    core = {(table.schema, table.identifier) for table in tables}
    uses: dict[Use, None] = {}
    for routine in routines:
        worlds = [
            [_Routine(world, routine, row_types, trigger) for trigger in routine["triggers"] or [None]]
            for world in (before, after)
        ]
        uses |= dict.fromkeys(_uses(routine, core, row_types, worlds))
    for called, text in session.execute(EXPRESSIONS, [audit_schema]).fetchall():
        uses |= {Use("breaks", called, problem): None for problem in _broken(session, text, before, after)}
    return len(routines), list(uses)


def _uses(
    routine: Mapping[str, Any], core: set[Name], row_types: Mapping[int, Name], worlds: Sequence[Sequence[_Routine]]
) -> Iterator[Use]:
    """What one function does; `worlds` are its readings before and after, one for each of its triggers."""
    called = routine["called"]
    typed = core.intersection(row_types.get(oid, ("", "")) for oid in (routine["returned"], *routine["types"]))
    if typed:
        yield Use("typed", called, ", ".join(sorted(name for _, name in typed)))
    concerned = (
        typed
        or core.intersection((trigger[0], trigger[1]) for trigger in routine["triggers"])
        or any(name in routine["body"] for _, name in core)
    )
    if routine["language"] not in ("sql", "plpgsql"):
        if concerned:
            yield Use("unseen", called, f"is written in {routine['language']}")
        return
    for old, new in zip(*worlds, strict=True):
        if not (old.read() and new.read()):
            if concerned:
                yield Use("unseen", called, "could not be read")
            return
        known = {(problem.kind, new.line(problem.place)) for problem in old.reader.problems}
        for problem in new.reader.problems:
            line = new.line(problem.place)
            if (problem.kind, line) not in known:
                yield Use("breaks", f"{called}, line {line}", problem.text)
        for place in new.dynamic if concerned else ():
            yield Use("unseen", f"{called}, line {new.line(place)}", "executes a text that it puts together")


def broken_statements(session: psycopg.Connection[Any], tables: Sequence[CoreTable]) -> list[tuple[str, str]]:
    """What breaks of the statements that the server has counted: the statement, and why.

    Raises:
        psycopg.Error: they may not be read, or are not counted here.
    """
    before, after, _ = _catalogues(session, tables, ())
    found = session.execute(
        "select s.query from pg_stat_statements as s where s.dbid = (select d.oid from pg_catalog.pg_database as d"
        " where d.datname = pg_catalog.current_database()) and s.query !~ 'cms_id' order by s.calls desc limit 5000"
    ).fetchall()
    return [(query, broken[-1]) for (query,) in found if (broken := _broken(session, query, before, after))]


def _broken(session: psycopg.Connection[Any], text: str, *worlds: Catalogue) -> list[str]:
    """What breaks of statements as the session would read them, in words."""
    problems = []
    for world in worlds:
        reader = Reader(world, session.execute("select pg_catalog.current_schemas(false)").fetchall()[0][0])
        for statement in _parse(text) or ():
            reader.statement(statement)
        problems.append({problem.kind: problem.text for problem in reader.problems})
    return [text for kind, text in problems[1].items() if kind not in problems[0]]


def _catalogues(
    session: psycopg.Connection[Any], tables: Sequence[CoreTable], routines: Iterable[Mapping[str, Any]]
) -> tuple[Catalogue, Catalogue, dict[int, Name]]:
    """What names mean before and after the migration, and the relation of each type that is made of a row type."""
    found = session.execute(RELATIONS).fetchall()
    parts, row_types, arrays = {}, {}, set()
    for oid, part, is_array, schema, name in session.execute(TYPES):
        if is_array:
            arrays.add(oid)
        if name:
            row_types[oid] = (schema, name)
        else:
            parts[oid] = part
    for oid in parts:
        part = oid
        while part in parts:
            part = parts[part]
        if part in row_types:
            row_types[oid] = row_types[part]
    given: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    for routine in routines:
        name = routine["routine_name"]
        gives = None if routine["returned"] in arrays else row_types.get(routine["returned"]) or _outs(routine) or None
        takes = [row_types.get(oid) for _, oid in _inputs(routine)]
        given[name] = gives if given.get(name, gives) == gives else None  # those of the same name may differ
        taken[name] = takes if taken.get(name, takes) == takes else ()
    core = {(table.schema, table.identifier) for table in tables}
    relations = [_relations(found, row_types, arrays, grown) for grown in ((), core)]
    return Catalogue(relations[0], given, taken, arrays), Catalogue(relations[1], given, taken, arrays), row_types


def _relations(
    found: Sequence[tuple[Any, ...]], row_types: Mapping[int, Name], arrays: Collection[int], grown: Collection[Name]
) -> dict[Name, Columns]:
    """The columns of each relation, those that hold a row with its columns; those of some with the added one."""
    relations: dict[Name, Columns] = {
        (schema, name): columns + [Added(ADDED)] * ((schema, name) in grown and ADDED not in columns)
        for schema, name, columns, _ in found
    }
    for schema, name, columns, types in found:
        for place, oid in enumerate(types):
            if row := relations.get(row_types.get(oid, ("", ""))):
                relations[schema, name][place] = Whole(columns[place], Elements(row) if oid in arrays else row)
    return relations


def _outs(routine: Mapping[str, Any]) -> Columns:
    return [n for n, m in zip(routine["names"] or (), routine["modes"] or (), strict=False) if m in ("o", "b", "t")]


def _inputs(routine: Mapping[str, Any]) -> list[tuple[str, int]]:
    names = routine["names"] or [""] * len(routine["types"])
    modes = routine["modes"] or ["i"] * len(routine["types"])
    return [(n, oid) for n, m, oid in zip(names, modes, routine["types"], strict=True) if m in ("i", "b", "v")]


def _parse(text: str) -> list[dict[str, Any]] | None:
    """The statements of a text; None where it is none that PostgreSQL could read."""
    import postgast
    from google.protobuf.json_format import MessageToDict

    try:
        tree = MessageToDict(postgast.parse(text), preserving_proto_field_name=True)
    except postgast.PgQueryError:
        return None
    return [one["stmt"] for one in tree.get("stmts", ())]


class _Routine:
    """One function as one catalogue has it, and as one trigger calls it."""

    def __init__(
        self, world: Catalogue, routine: Mapping[str, Any], row_types: Mapping[int, Name], trigger: Sequence[str] | None
    ) -> None:
        self._routine = routine
        self._raw: bytes = routine["body"].encode()
        path = [part.strip().strip('"') for part in routine["search_path"].partition("=")[2].split(",")]
        self.reader = Reader(world, path)
        self.dynamic: list[int] = []
        self._records: set[str] = set()
        self._cursors: dict[str, Columns | None] = {}
        self._table = trigger[1] if trigger else ""
        self._branches: list[str] = []
        inputs = [
            (name, Elements(row) if row and oid in world.arrays else row)
            for name, oid in _inputs(routine)
            for row in [world.relations.get(row_types.get(oid, ("", "")))]
        ]
        self.reader.names = {*_outs(routine), *(name for name, _ in inputs)}
        self.reader.parameters = [columns for _, columns in inputs]
        self.reader.rows = {name: columns for name, columns in inputs if columns}
        self._returned = world.relations.get(row_types.get(routine["returned"], ("", ""))) or _outs(routine) or None
        if trigger:
            self._returned = world.relations.get((trigger[0], trigger[1]))
            self._records = {"new", "old"}
            self.reader.rows |= dict.fromkeys(self._records, self._returned)
            self.reader.made |= dict.fromkeys(filter(None, trigger[2:]), self._returned)

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
                if self._is_reached(piece):
                    self._piece(piece)
        except (postgast.PgQueryError, LookupError):
            return False
        return True

    def _read_sql(self) -> bool:
        statements = _parse(self._routine["body"])
        if statements is None:
            return False
        if self._routine["parsed"]:
            made = statements[0]["create_function_stmt"].get("sql_body", {})
            statements = made["list"]["items"][0]["list"]["items"] if "list" in made else [made]
        given: Columns | None = None
        for statement in statements:
            given = self.reader.statement(statement) if statement else None
        if given and len(given) > 1:
            self._fits(given)
        return True

    def _fits(self, given: Columns | None) -> None:
        if given is not None and self._returned is not None and len(given) != len(self._returned):
            self.reader.problem("returns", f"it gives {len(given)} columns where {len(self._returned)} are returned")

    # ---- plpgsql

    def _is_reached(self, piece: Piece) -> bool:
        """Whether a trigger of this table comes here, as far as IF asks for the table."""
        head = piece.words[0]
        if head in ("if", "case"):
            self._branches.append(head)
        if head in ("if", "elsif", "elseif", "else") and self._branches[-1:] != ["case"]:
            self._branches[-1] = "over" if self._branches[-1] in ("yes", "over") else self._holds(piece)
        elif piece.words[:2] in (("end", "if"), ("end", "case")):
            self._branches.pop()
        return not {"no", "over"}.intersection(self._branches)

    def _holds(self, piece: Piece) -> str:
        """Whether `tg_table_name in ('students', 'schools') and ...` holds, or the like: yes, no or perhaps."""
        asked = piece.tokens[1 : piece.index("and") if "and" in piece.words else None]
        names = [token.text[1:-1] for token in asked if token.text.startswith("'")]
        form = "".join(token.text.lower() for token in asked if not token.text.startswith("'")).replace(",", "")
        if form not in ("tg_table_name=", "tg_table_namein()") or "or" in piece.words:
            return "perhaps"
        return "no" if self._table not in names else "perhaps" if "and" in piece.words else "yes"

    def _piece(self, piece: Piece) -> None:
        tokens, words = piece.tokens, piece.words
        heads = {"return": self._return, "for": self._for, "open": self._cursor, "fetch": self._cursor}
        if piece.declares:
            self._declare(piece)
        elif words[0] in heads:
            heads[words[0]](piece)
        elif words[0] == "execute":
            self._execute(tokens[1:])
        elif words[0] in _EXPRESSIONS:
            start = {"exit": "when", "continue": "when", "case": "when", "foreach": "array"}.get(words[0], words[0])
            start_at = words.index(start) + 1 if start in words else len(words)
            self._query(tokens[start_at:], "select ")
        elif words[1:2] and words[1] in (":=", "=", ".", "["):
            place = piece.index(":=", "=")
            value = self._value(tokens[place + 1 :])
            if place == 1:
                self._assign(tokens[:1], value)
        elif words[0] not in _NOTHING:
            self._sql(piece)

    def _cursor(self, piece: Piece) -> None:
        """OPEN, which may say for which query, and FETCH."""
        tokens, words = piece.tokens, piece.words
        if words[0] == "fetch" and "into" in words:
            place = words.index("into")
            self._assign(tokens[place + 1 :], self._cursors.get(tokens[place - 1].name))
        elif "for" in words and "execute" not in words:
            self._cursors[tokens[1].name] = self._query(tokens[words.index("for") + 1 :])

    def _declare(self, piece: Piece) -> None:
        tokens, words = piece.tokens, piece.words
        name = tokens[0].name
        self.reader.names.add(name)
        if "cursor" in words[1:4]:
            self._cursors[name] = self._query(tokens[piece.index("for", "is") + 1 :])
            return
        kept = [token for token in tokens[1:] if token.text.lower() != "constant"]
        declared = Piece(tuple(kept), declares=True)
        end = declared.index(":=", "=", "default", "not", "collate")
        kind = [token.name for token in kept[: end if end >= 0 else None]]
        if kind == ["record"]:
            self._records.add(name)
        elif kind[0] == "alias":
            self.reader.rows[name] = self._value(kept[2:])
        elif "type" not in kind:
            array = next((place for place, part in enumerate(kind) if part in ("[", "array")), None)
            names = [part for part in kind[:array] if part not in (".", "%", "rowtype")]
            row = self.reader.catalogue.relation(names, self.reader.path)
            self.reader.rows[name] = Elements(row) if row and array else row
        start = declared.index(":=", "=", "default")
        if start >= 0:
            self._assign(tokens[:1], self._value(kept[start + 1 :]))

    def _return(self, piece: Piece) -> None:
        tokens, words = piece.tokens, piece.words
        if words[1:2] == ("query",):
            given = self._execute(tokens[3:]) if words[2] == "execute" else self._query(tokens[2:])
        else:
            given = self._value(tokens[2 if words[1:2] == ("next",) else 1 :])
        self.reader.at = tokens[0].start
        self._fits(given)

    def _for(self, piece: Piece) -> None:
        tokens, words = piece.tokens, piece.words
        place = words.index("in")
        asked = tokens[place + 1 :]
        if piece.index("..") >= 0 or words[place + 1] == "reverse":
            return
        if words[place + 1] == "execute":
            given = self._execute(asked[1:])
        elif asked[0].name in self._cursors:
            given = self._cursors[asked[0].name]
            self._records.add(tokens[1].name)
        else:
            given = self._query(asked)
        self._assign(tokens[1:place], given)

    def _sql(self, piece: Piece) -> None:
        """A statement, with the INTO that plpgsql adds to it taken out."""
        tokens, words = piece.tokens, piece.words
        place = piece.index("into")
        while place > 0 and words[place - 1] in ("insert", "merge"):
            place = piece.index("into", start=place + 1)
        if place < 0:
            self._query(tokens)
            return
        start = place + 1 + (words[place + 1] == "strict")
        end = start + 1
        while end < len(tokens) and (words[end] in (",", ".") or words[end - 1] in (",", ".")):
            end += 1
        self._assign(tokens[start:end], self._query([*tokens[:place], *tokens[end:]]))

    def _execute(self, tokens: Sequence[Token]) -> Columns | None:
        """EXECUTE: a constant text is read as well, with what it is given."""
        piece = Piece(tuple(tokens), declares=False)
        into, using = piece.index("into"), piece.index("using")
        end = min((place for place in (into, using) if place >= 0), default=len(tokens))
        parsed = _parse(f"select {self._text(tokens[:end])}")
        value = parsed[0]["select_stmt"]["target_list"][0]["res_target"]["val"] if parsed else {}
        text = value.get("a_const", {}).get("sval", {}).get("sval")
        statements = _parse(text) if text else None
        if statements is None:
            self.dynamic.append(tokens[0].start)
            return None
        given = self._values(tokens[using + 1 : into if into > using else None]) if using >= 0 else []
        reader = Reader(self.reader.catalogue, self.reader.path, parameters=given)
        columns: Columns | None = None
        for statement in statements:
            columns = reader.statement(statement)
        self.reader.problems += [replace(problem, place=tokens[0].start) for problem in reader.problems]
        if into >= 0:
            self._assign(tokens[into + 1 : using if using > into else None], columns)
        return columns

    def _assign(self, targets: Sequence[Token], given: Columns | None) -> None:
        """A row, or the row of a query, gets into a variable."""
        if len(targets) == 1:
            name = targets[0].name
            if name in self._records:
                self.reader.rows[name] = given
            else:
                self.reader.at = targets[0].start
                self.reader.lands(given, self.reader.rows.get(name), f"{name}:")
                if any(isinstance(column, Stored) for column in given or ()):
                    self.reader.rows[name] = stored(self.reader.rows.get(name))

    def _text(self, tokens: Sequence[Token]) -> str:
        """The text of tokens with as many bytes between them as in the body."""
        text = bytearray(b" " * (tokens[-1].end - tokens[0].start))
        for token in tokens:
            text[token.start - tokens[0].start : token.end - tokens[0].start] = self._raw[token.start : token.end]
        return text.decode()

    def _parsed(self, tokens: Sequence[Token], prefix: str) -> list[dict[str, Any]]:
        parsed = _parse(prefix + self._text(tokens)) if tokens else []
        if parsed is None:
            raise LookupError(self._text(tokens))
        return parsed

    def _query(self, tokens: Sequence[Token], prefix: str = "") -> Columns | None:
        """The columns of a query, and everything in it looked at."""
        known, columns = len(self.reader.problems), None
        for statement in self._parsed(tokens, prefix):
            columns = self.reader.statement(statement)
        shift = tokens[0].start - len(prefix) if tokens else 0
        moved = [replace(problem, place=problem.place + shift) for problem in self.reader.problems[known:]]
        self.reader.problems[known:] = moved
        return columns

    def _values(self, tokens: Sequence[Token]) -> list[Columns | None]:
        """The columns of each expression of a list; None for what is no row."""
        self._query(tokens, "select ")
        known, found = len(self.reader.problems), []
        for statement in self._parsed(tokens, "select "):
            if "from_clause" not in statement["select_stmt"]:
                targets = statement["select_stmt"].get("target_list", ())
                found = [self.reader.width(target["res_target"]["val"], Scope()) for target in targets]
        del self.reader.problems[known:]  # told already
        return found

    def _value(self, tokens: Sequence[Token]) -> Columns | None:
        return next(iter(self._values(tokens)), None)
