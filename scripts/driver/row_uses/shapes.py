"""How many columns SQL gives, and where that does not fit: PostgreSQL's own rules, applied before and after a new column.

What is not known has no columns (None), and nothing is said of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Self

Columns = list[str]
Node = dict[str, Any]
ADDED = "cms_id"


class Added(str):
    """The name of the column that a core table gets, told from a column of the same name that was there."""

    __slots__ = ()


class Inherited(Added):
    """The same in a table that inherits it, without being unique."""

    __slots__ = ()


class Stored(Added):
    """The same where it has the value of a row of the table, which no other row may have."""

    __slots__ = ()


class Whole(str):
    """The name of a column, with the columns of the whole row that it holds, if it holds one."""

    __slots__ = ("row",)
    row: Columns | None

    def __new__(cls, name: str, row: Columns | None = None) -> Self:
        """A column of this name."""
        column = super().__new__(cls, name)
        column.row = row
        return column


class NewId(str):
    """The name of an id that is given anew to a row that is otherwise copied."""

    __slots__ = ()


class OfTable(list[str]):
    """The columns of a table itself, which grouping by its id groups as well."""


class Elements(list[str]):
    """The columns of the rows that an array holds."""


class Json(list[str]):
    """The columns of the row, or of the rows, that JSON holds."""


_ONE_OF_THEM = ("unnest", "lag", "lead", "first_value", "last_value", "nth_value", "any_value")
_KEYS = ("jsonb_each", "json_each", "jsonb_object_keys", "json_object_keys", "each", "akeys", "skeys")
SILENT = ("lands", "null", "natural", "renamed", "place", "written")
"""Kinds that raise no error: the answer is another one."""
_WRITES = ("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt")
_QUERIES = ("select_stmt", *_WRITES)
_TEXTS = ("concat", "concat_ws", "format", "hash_record", "hash_record_extended")
_JSON = ("to_jsonb", "to_json", "row_to_json", "hstore", "jsonb_agg", "json_agg", "jsonb_set", "jsonb_strip_nulls")
_OF_ITS_ARGUMENT: Mapping[str, type[Columns]] = {
    **dict.fromkeys(_ONE_OF_THEM, list),
    "array_agg": Elements,
    **dict.fromkeys(_JSON, Json),
}


@dataclass(frozen=True)
class Problem:
    """Something that does not fit: its kind, how far it is into the text (in bytes), in words, and whether it fails for certain."""

    kind: str
    place: int
    text: str
    certain: bool = True


@dataclass
class Catalogue:
    """What names mean: relations by schema and name, which of them a type is made of, which types are arrays.

    Of functions, by name, what they give (or the place of the argument of which it is a row) and the types of rows that they take.
    And what constant expressions came to, so that each is asked once.
    """

    relations: dict[tuple[str, str], Columns]
    row_types: Mapping[int, tuple[str, str]]
    arrays: Collection[int] = ()
    given: dict[str, Columns | int | None] = field(default_factory=dict)
    taken: dict[str, Mapping[str | int, int]] = field(default_factory=dict)
    evaluated: dict[str, str | None] = field(default_factory=dict)

    def columns_of(self, oid: int) -> Columns | None:
        """The columns of a type that is made of a row type."""
        row = self.relations.get(self.row_types.get(oid, ("", "")))
        return Elements(row) if row and oid in self.arrays else row

    def relation(self, names: Sequence[str], path: Sequence[str]) -> Columns | None:
        """The columns of a relation or of its row type."""
        schemas = names[-2:-1] or path
        return next((found for s in schemas if (found := self.relations.get((s, names[-1]))) is not None), None)


@dataclass
class Scope:
    """What a query may refer to: FROM items, common table expressions, its own columns in GROUP BY, the query around it."""

    items: list[tuple[str, Columns | None]] = field(default_factory=list)
    ctes: dict[str, Columns | None] = field(default_factory=dict)
    given: Columns | None = None
    outer: Scope | None = None

    def chain(self) -> Iterator[Scope]:
        """This one and those around it."""
        scope: Scope | None = self
        while scope:
            yield scope
            scope = scope.outer


def has_added(columns: Iterable[str] | None) -> bool:
    """Whether the column that a core table gets is one of them."""
    return any(isinstance(column, Added) for column in columns or ())


def is_stored(columns: Columns | None) -> bool:
    """Whether they have the values of a row that is in a core table."""
    return any(isinstance(column, Stored) for column in columns or ())


def stored(columns: Columns | None, *, still: bool = True) -> Columns | None:
    """The columns where they have the values of a row that is in its table, or no longer is."""
    kind = Stored if still else Added
    return columns and type(columns)(kind(one) if type(one) in (Added, Stored) else one for one in columns)


def names_of(nodes: Iterable[Node]) -> list[str]:
    """The texts of a list of names; `*` for a star."""
    return ["*" if "a_star" in node else node.get("string", {}).get("sval", "") for node in nodes]


def first_of(statement: Node, place: int) -> int:
    """Where the list begins that a statement gives; the place itself where it gives none."""
    kind, node = next(iter(statement.items()))
    while kind == "select_stmt" and "larg" in node:
        node = node["larg"]
    given = node.get("target_list") if kind == "select_stmt" else node.get("returning_clause", {}).get("exprs")
    given = given or node.get("returning_list") or [{}]
    found: int = given[0].get("res_target", {}).get("location", place)
    return found


@dataclass
class Reader:
    """Reads statements of one function or text.

    Attributes:
        catalogue: what names mean.
        path: the schemas in which names are looked up.
        rows: the columns of variables that hold rows; None where they are not known.
        names: all variables and parameters.
        parameters: the same for `$1`, `$2` and so on.
        problems: what was found.
        made: the columns of tables that the function makes, by their names as it writes them.
        at: how far what is looked at is into the text.
    """

    catalogue: Catalogue
    path: Sequence[str]
    rows: dict[str, Columns | None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    parameters: Sequence[Columns | None] = ()
    problems: list[Problem] = field(default_factory=list)
    made: dict[str, Columns | None] = field(default_factory=dict)
    at: int = 0

    def problem(self, kind: str, text: str, where: Node | None = None) -> None:
        """Note what does not fit, and where, if that is not what is looked at already."""
        self.at = (where or {}).get("location", self.at)
        self.problems.append(Problem(kind, self.at, text, certain=kind != "written"))

    def lands(self, given: Columns | None, wanted: Columns | None, what: str, *, unique: bool = False) -> None:
        """The added column must not get into another one by its position, nor another one into it, nor twice into a table."""
        for column, into in zip(given or (), wanted or (), strict=False):  # what is beyond is left out
            if isinstance(column, Added) and into != ADDED:
                self.problem("lands", f"{what} {into} would get the value of {ADDED}")
            elif isinstance(into, Added) and column != ADDED:
                self.problem("lands", f"{what} {ADDED} would get a value that is meant for another column")
            elif unique and isinstance(column, Stored) and isinstance(into, Added) and not isinstance(into, Inherited):
                self.problem("copies", f"{what} {ADDED}, which is unique, would be copied")
            rows = [getattr(one, "row", None) or () for one in (column, into)]
            if all(rows) and len(rows[0]) != len(rows[1]):
                self.problem("lands", f"{what} {into} would get a row of {len(rows[0])} columns for {len(rows[1])}")

    # ---- statements

    def statements(self, nodes: Iterable[Node]) -> Columns | None:
        """The columns of the last of several statements, and everything in all of them looked at."""
        columns: Columns | None = None
        for node in nodes:
            columns = self.statement(node) if node else None
        return columns

    def statement(self, node: Node, outer: Scope | None = None) -> Columns | None:
        """The columns of a statement, and everything in it looked at; of what gives no rows, an empty list."""
        kind, content = next(iter(node.items()))
        scope = Scope(outer=outer)
        if kind == "select_stmt":
            return self.select(content, scope)
        if kind in _WRITES:
            return self._write(kind, content, scope)
        if kind in ("create_table_as_stmt", "create_stmt", "view_stmt"):
            self._makes(content, scope)
        elif kind == "drop_stmt":
            self.made |= dict.fromkeys(
                ".".join(names_of(one.get("list", {}).get("items", ()))) for one in content["objects"]
            )
        elif kind == "truncate_stmt":
            for one in content["relations"]:
                self._empties(one["range_var"], scope)
        elif kind in ("alter_table_stmt", "rename_stmt", "alter_object_schema_stmt"):
            self._alters(content, scope)
        elif kind == "copy_stmt" and content.get("is_from") and not content.get("attlist") and "relation" in content:
            if has_added(self._range_var(content["relation"], scope)):
                self.problem("copy", f"COPY {content['relation']['relname']} would expect {ADDED} in what it reads")
        else:
            self.walk({"func_call": content["funccall"]} if kind == "call_stmt" else content, scope)
        return []

    @staticmethod
    def _key(node: Node) -> str:
        """The name by which a table that is made goes."""
        schema: str = node.get("schemaname", "")
        return f"{schema}.{node['relname']}" if schema not in ("", "pg_temp") else node["relname"]

    def _empties(self, relation: Node, scope: Scope) -> None:
        """Rows that were read of a table may be no longer there, and be put back."""
        gone = self._range_var(relation, scope)
        for held in (self.rows, self.made) if self._key(relation) not in self.made else ():
            held |= {name: stored(columns, still=False) for name, columns in held.items() if columns == gone}

    def _alters(self, node: Node, scope: Scope) -> None:
        """ALTER: a column that is added, and may be there by then; a table that gets a parent, or another name."""
        relation = node.get("relation", {"relname": ""})
        name, key, columns = relation["relname"], self._key(relation), self._range_var(relation, scope)
        for one in node.get("cmds", ()):
            command = one["alter_table_cmd"]
            definition = command.get("def", {})
            added = definition.get("column_def", {}).get("colname")
            other = definition.get("partition_cmd", {}).get("name") or definition.get("range_var")
            if added == ADDED and has_added(columns) and not command.get("missing_ok"):
                self.problem("twice", f"{name} would have {ADDED} already")
            if command["subtype"] in ("AT_AttachPartition", "AT_AddInherit"):
                inherits = command["subtype"] == "AT_AddInherit"
                self._gets_parent(columns, self._range_var(other, scope), key, self._key(other), inherits=inherits)
            if columns and command["subtype"] == "AT_DropColumn":
                columns = [column for column in columns if column != command["name"]]
            elif columns and added and added not in columns:
                columns = [*columns, added]
        if "subname" in node:
            columns = columns and [node["newname"] if column == node["subname"] else column for column in columns]
        if key in self.made:
            del self.made[key]
            now = {"schemaname": node.get("newschema", relation.get("schemaname", ""))}
            now["relname"] = name if "subname" in node else node.get("newname", name)
            self.made[self._key(now)] = columns

    def _gets_parent(
        self, columns: Columns | None, others: Columns | None, name: str, other: str, *, inherits: bool
    ) -> None:
        """A table that inherits has the columns of its parent, a partition no others either."""
        if columns is None or others is None or not has_added((*columns, *others)):
            return
        if ADDED in others and ADDED not in columns:
            self.problem("parent", f"{other} would have {ADDED}, and {name} not")
        elif not inherits and ADDED in columns and ADDED not in others:
            self.problem("parent", f"{name} would have {ADDED}, and {other} not")

    def _makes(self, node: Node, scope: Scope) -> None:
        """A table or view that is made, unless it is there, or in place of one: then its first columns stay what they are."""
        made = node.get("view") or node.get("into", {}).get("rel") or node["relation"]
        columns = self.statement(node["query"]) if "query" in node else self._listed(node, scope)
        columns = self._renamed(columns, node.get("aliases", ()))
        there = self._range_var(made, scope)
        if (columns or []).count(ADDED) > 1 and has_added(columns):
            self.problem("twice", f"{made['relname']} would have {ADDED} twice")
        first = (columns or ())[: len(there or ())]
        if node.get("replace") and first != there and has_added((*first, *(there or ()))):
            self.problem("view", f"{made['relname']} would have {ADDED} where it has another column, or the reverse")
        if not (node.get("if_not_exists") and there):
            self.made[self._key(made)] = columns

    def select(self, node: Node, scope: Scope) -> Columns | None:
        """The columns of a SELECT, VALUES or TABLE, or of a union of them."""
        self._with(node, scope)
        if "larg" in node:
            left, right = (self.select(node[side], Scope(outer=scope)) for side in ("larg", "rarg"))
            if left is not None and right is not None and len(left) != len(right):
                self.problem("union", f"{node['op'][6:]} of {len(left)} and of {len(right)} columns")
            for one in node.get("sort_clause", ()):
                self._positioned(one["sort_by"]["node"], left)
            return left
        star = self._from(node.get("from_clause", ()), scope)
        if "values_lists" in node:
            return self._listed_rows([self._targets(one["list"]["items"], scope, star) for one in node["values_lists"]])
        listed = node.get("target_list", ())
        columns = self._targets(listed, scope, star)
        groups = node.get("group_clause", ())
        grouped = [self._positioned(group, columns) for group in groups]
        for target in listed if groups and "" not in grouped else ():
            given = self._starred(target["res_target"]["val"], scope, star)
            if given is not star or len(scope.items) == 1:
                self._grouped(given or [], grouped)
        read = {"with_clause", "from_clause", "group_clause", "target_list", "sort_clause", "distinct_clause"}
        for clause in node.keys() - read:
            self.walk(node[clause], scope)
        scope.given = [one["res_target"].get("name", "") for one in listed]
        self.walk(groups, scope)
        for one in [*node.get("distinct_clause", ()), *node.get("sort_clause", ())]:
            if self._positioned(one.get("sort_by", {}).get("node", one), columns) not in (columns or ()):
                self.walk(one, scope)
        return columns

    def _listed_rows(self, rows: Sequence[Columns | None]) -> Columns | None:
        """The columns of VALUES, which all of its rows have."""
        if None not in rows and len({len(row or ()) for row in rows}) > 1:
            self.problem("values", "the rows of VALUES have not the same number of columns")
        return rows[0]

    def _positioned(self, node: Node, columns: Columns | None) -> str:
        """The name by which GROUP BY or ORDER BY goes, which may be given by its position; empty if it is no name."""
        if "column_ref" in node:
            return names_of(node["column_ref"]["fields"])[-1]
        place: int = node.get("a_const", {}).get("ival", {}).get("ival", 0)
        if columns is None or not 0 < place <= len(columns):
            return ""
        if has_added(columns[:place]):
            self.problem("place", f"column {place} would be another one, as {ADDED} comes before it", node["a_const"])
        return columns[place - 1]

    def _write(self, kind: str, node: Node, scope: Scope) -> Columns | None:
        self._with(node, scope)
        relation = node["relation"]
        name = relation.get("alias", {}).get("aliasname") or relation["relname"]
        columns = self._range_var(relation, scope)
        if kind == "delete_stmt":
            self._empties(relation, scope)
        if kind == "insert_stmt":
            source = node.get("select_stmt", {}).get("select_stmt")
            if source:
                given = self.select(source, Scope(outer=scope))
                # by its own id, a row meets itself
                unique = "on_conflict_clause" not in node or any(isinstance(column, NewId) for column in given or ())
                self._insert(relation, node.get("cols", ()), columns, given, unique=unique)
        scope.items.append((name, columns))
        self._from(
            [*node.get("from_clause", ()), *node.get("using_clause", ()), node.get("source_relation", {})], scope
        )
        for clause in node.get("merge_when_clauses", ()):
            when = clause["merge_when_clause"]
            if "values" in when:
                given = self._targets(when["values"], scope, None)
                self._insert(relation, when.get("target_list", ()), columns, given, unique=False)
            else:
                self._assigned(when.get("target_list", ()), scope, columns)
            self.walk(when.get("condition"), scope)
        if kind == "update_stmt":
            self._assigned(node.get("target_list", ()), scope, columns)
        excluded = Scope([("excluded", columns)], outer=scope)
        conflict = node.get("on_conflict_clause", {})
        self._assigned(conflict.get("target_list", ()), excluded, columns)
        self.walk([conflict.get("where_clause"), node.get("where_clause"), node.get("join_condition")], excluded)
        scope.items += [(name, columns) for name in ("old", "new") if name not in self.rows]
        returning = node.get("returning_clause", {}).get("exprs", node.get("returning_list", ()))
        if kind == "update_stmt" and self._key(relation) not in self.made:
            columns = stored(columns)
            scope.items = [
                (alias, columns if alias in (name, "old", "new") else others) for alias, others in scope.items
            ]
        return self._targets(returning, scope, columns)

    def _assigned(self, targets: Iterable[Node], scope: Scope, columns: Columns | None) -> None:
        """What SET gives to columns, to one or to several at once."""
        for target in targets:
            value = target["res_target"].get("val", {})
            assigned = value.get("multi_assign_ref", {})
            if assigned.get("colno") == 1:
                width = self.width(assigned["source"], scope)
                if width and len(width) != assigned["ncolumns"]:
                    self.problem("set", f"{len(width)} values are set in {assigned['ncolumns']} columns")
            elif not assigned:
                self.walk(value, scope)
                into = next((column for column in columns or () if column == target["res_target"].get("name")), None)
                self._cast(value, getattr(into, "row", None), f"the type of {into}", scope, self.at)

    def _insert(
        self, relation: Node, named: Any, columns: Columns | None, given: Columns | None, *, unique: bool
    ) -> None:
        known = dict(zip(columns or (), columns or (), strict=True))
        wanted = [known.get(name, name) for name in (target["res_target"]["name"] for target in named)] or columns
        if given is None or wanted is None:
            return
        self.at = relation.get("location", self.at)
        if len(given) > len(wanted) or (named and len(given) < len(wanted)):
            name = relation["relname"]
            self.problem("insert", f"INSERT INTO {name} has {len(given)} values for {len(wanted)} columns")  # noqa: S608 - words
        else:
            key = self._key(relation)
            self.lands(given, wanted, f"INSERT INTO {relation['relname']}:", unique=unique and key not in self.made)
            if key in self.made and is_stored(given):
                self.made[key] = stored(self.made[key])

    def _listed(self, node: Node, scope: Scope) -> Columns | None:
        """The columns of a CREATE TABLE."""
        found: Columns | None = None if "of_typename" in node else []
        for element in [*node.get("inh_relations", ()), *node.get("table_elts", ())]:
            kind, content = next(iter(element.items()))
            more: Columns | None = [content["colname"]] if kind == "column_def" else []
            if kind in ("table_like_clause", "range_var"):
                more = self._range_var(content.get("relation", content), scope)
            if "inh_relations" in node and found is not None and more is not None:  # those of the same name are one
                more = [column for column in more if column not in found]
            found = None if found is None or more is None else [*found, *more]
        return found

    def _with(self, node: Node, scope: Scope) -> None:
        for one in node.get("with_clause", {}).get("ctes", ()):
            cte = one["common_table_expr"]
            if node["with_clause"].get("recursive"):
                scope.ctes[cte["ctename"]] = None  # while it is read, where it refers to itself
            scope.ctes[cte["ctename"]] = self._renamed(
                self.statement(cte["ctequery"], scope), cte.get("aliascolnames", ())
            )

    # ---- FROM

    def _from(self, nodes: Iterable[Node], scope: Scope) -> Columns | None:
        """Takes the items of a FROM into the scope; all of their columns."""
        everything: Columns | None = []
        for node in nodes:
            found = self._item(node, scope) if node else []
            everything = None if everything is None or found is None else [*everything, *found] if everything else found
        return everything

    def _item(self, node: Node, scope: Scope) -> Columns | None:
        kind, content = next(iter(node.items()))
        if kind == "join_expr":
            return self._join(content, scope)
        if kind == "range_table_sample":
            return self._item(content["relation"], scope)
        name = content.get("alias", {}).get("aliasname", content.get("relname", ""))
        columns: Columns | None = None
        if kind == "range_var":
            columns = self._range_var(content, scope)
            if columns and not any(content["relname"] in around.ctes for around in scope.chain()):
                columns = OfTable((columns if self._key(content) in self.made else stored(columns)) or ())
        elif kind == "range_subselect":
            columns = self.statement(content["subquery"], scope)
        elif kind == "range_function" and len(content["functions"]) == 1:
            columns, called = self._function(content, scope)
            columns = None if isinstance(columns, Json) else columns
            name = name or called
        named = content.get("alias", {}).get("colnames", ())
        columns = self._renamed(columns, named)
        scope.items.append((name, columns or names_of(named) or None))
        return columns

    def _function(self, node: Node, scope: Scope) -> tuple[Columns | None, str]:
        """The columns of a function in FROM, which the query may list; and the name that it goes by."""
        call, *more = node["functions"][0]["list"]["items"]
        self.walk(call, scope)
        names = names_of(call.get("func_call", {}).get("funcname", ())) or [""]
        columns = self._given_by(call["func_call"], scope) if names[-1] else None
        listed = node.get("coldeflist") or (more[0].get("list", {}).get("items") if more else None)
        if listed:
            if columns is not None and len(columns) != len(listed):
                told = f"{names[-1]}() gives {len(columns)} columns where {len(listed)} are listed"
                self.problem("record", told, call["func_call"])
            columns = [one["column_def"]["colname"] for one in listed]
        if columns and "ordinality" in node:
            columns = [*columns, "ordinality"]
        return columns, names[-1]

    def _join(self, node: Node, scope: Scope) -> Columns | None:
        left, right = self._item(node["larg"], scope), self._item(node["rarg"], scope)
        self.walk(node.get("quals"), scope)
        if left is None or right is None:
            return None
        common = set(names_of(node.get("using_clause", ())))
        if ADDED in common and max(left.count(ADDED), right.count(ADDED)) > 1:
            self.problem("using", f"JOIN USING {ADDED}: it would be on one side twice")
        if node.get("is_natural"):
            common = set(left) & set(right)
            if has_added([*left, *right]) and ADDED in common:
                self.problem("natural", f"NATURAL JOIN would compare {ADDED} as well")
        return [*left, *(column for column in right if column not in common)]

    def _range_var(self, node: Node, scope: Scope) -> Columns | None:
        self.at = node.get("location", self.at)
        name = node["relname"]
        if "schemaname" not in node:
            for around in scope.chain():
                if name in around.ctes:
                    return around.ctes[name]
        if self._key(node) in self.made:
            return self.made[self._key(node)]
        found = self.catalogue.relation([*filter(None, [node.get("schemaname")]), name], self.path)
        return found or next((made for key, made in self.made.items() if key.rpartition(".")[2] == name), None)

    def _given_by(self, call: Node, scope: Scope) -> Columns | None:
        name, arguments = names_of(call["funcname"])[-1], call.get("args", ())
        if len(arguments) > 1 and name.startswith(("json_populate_record", "jsonb_populate_record")):
            return self._replaced(arguments[0], arguments[1], scope)
        if arguments and name in _OF_ITS_ARGUMENT:
            columns, kind = self._row(arguments[0], scope), _OF_ITS_ARGUMENT[name]
            return kind(columns) if columns and (kind is Json or not isinstance(columns, Json)) else None
        given = self.catalogue.given.get(name)
        if isinstance(given, int):
            columns = self._row(arguments[given], scope) if given < len(arguments) else None
            return columns and list(stored(columns, still=False) or ())
        return given

    def _replaced(self, base: Node, by: Node, scope: Scope) -> Columns | None:
        """A row of which JSON or hstore replaces columns: those that it has, or names."""
        row, replaced = self._row(base, scope), self._row(by, scope)
        copied = is_stored(replaced if isinstance(replaced, Json) else row)
        given = stored(row, still=copied and ADDED not in str(by))
        return given and type(given)(NewId(one) if one == "id" and "'id'" in str(by) else one for one in given)

    # ---- expressions

    def _targets(self, nodes: Iterable[Node], scope: Scope, star: Columns | None) -> Columns | None:
        """The columns that a list of expressions gives, each star expanded; None if one cannot be."""
        found: Columns | None = []
        for node in nodes:
            target = node.get("res_target", {})
            value = target.get("val", node)
            given = self._starred(value, scope, star)
            if given is None and not self._is_star(value):
                self.walk(value, scope)
                fields = names_of(value.get("column_ref", {}).get("fields", ()))
                name = target.get("name") or (fields[-1] if fields else "?column?")
                given = [Whole(name, (self.width if "row_expr" in value else self._row)(value, scope))]
            found = None if found is None or given is None else [*found, *given]
        return found

    def _grouped(self, given: Columns, names: Columns) -> None:
        """All columns of a FROM item in a query that is grouped by these names."""
        enough = {"*", ADDED, "id"} if isinstance(given, OfTable) else {"*", ADDED}
        if not enough.intersection(names) and has_added(given):
            self.problem("group", f"{ADDED} would be missing in GROUP BY")

    @staticmethod
    def _is_star(node: Node) -> bool:
        parts = node.get("column_ref", {}).get("fields") or node.get("a_indirection", {}).get("indirection") or [{}]
        return "a_star" in parts[-1]

    def _starred(self, node: Node, scope: Scope, star: Columns | None) -> Columns | None:
        """What a star stands for."""
        if not self._is_star(node):
            return None
        if "a_indirection" in node:
            self.walk(node["a_indirection"]["arg"], scope)
            return self._row(node["a_indirection"]["arg"], scope)
        fields = names_of(node["column_ref"]["fields"])
        return star if len(fields) == 1 else self._named(fields[-2], scope)

    def _named(self, name: str, scope: Scope) -> Columns | None:
        """The columns of a FROM item or of a variable."""
        for around in scope.chain():
            for alias, columns in around.items:
                if alias == name:
                    return columns
                for column in columns or ():
                    if column == name and isinstance(column, Whole) and column.row:
                        return column.row
        return self.rows.get(name)

    def _field(self, qualifier: str, name: str, scope: Scope) -> Columns | None:
        """The columns of a row in a row; or those of a variable, by the name of its function or block."""
        columns = self._named(qualifier, scope)
        if columns is None and not any(alias == qualifier for around in scope.chain() for alias, _ in around.items):
            return self.rows.get(name)
        return next((one.row for one in columns or () if isinstance(one, Whole) and one == name), None)

    def _row(self, node: Node, scope: Scope) -> Columns | None:
        """The columns of an expression that is a whole row, or Elements; None if it is neither, or not known."""
        kind, content = next(iter(node.items()))
        if kind == "column_ref":
            fields = [name for name in names_of(content["fields"]) if name != "*"]
            if len(fields) == 1:
                return self._named(fields[0], scope)
            return self._field(fields[-2], fields[-1], scope)
        if kind == "param_ref":
            number = content.get("number", 0)
            return self.parameters[number - 1] if 0 < number <= len(self.parameters) else None
        if kind == "func_call":
            return self._given_by(content, scope)
        if kind == "type_cast" and "array_bounds" not in content["type_name"]:
            names = names_of(content["type_name"]["names"])
            held = self._row(content["arg"], scope) if names[-1] in ("json", "jsonb") else None
            return held or self.catalogue.relation(names, self.path)
        return self._chosen(kind, content, scope)

    def _operated(self, node: Node, scope: Scope) -> Columns | None:
        """The row of which `#=` replaces columns; JSON to which more was added, or of which something was taken."""
        operator = names_of(node.get("name", ()))[-1:]
        if operator == ["#="]:
            return self._replaced(node["lexpr"], node["rexpr"], scope)
        if operator == ["-"] and ADDED in str(node["rexpr"]):
            return None
        sides = [node["lexpr"], node["rexpr"]] if operator in (["||"], ["-"]) else []
        return next((row for side in sides if isinstance(row := self._row(side, scope), Json)), None)

    def _chosen(self, kind: str, content: Node, scope: Scope) -> Columns | None:
        """The columns of the row of a subquery, of one of several, or of an operator."""
        if kind == "sub_link" and content["sub_link_type"] in ("EXPR_SUBLINK", "ARRAY_SUBLINK"):
            columns = self.statement(content["subselect"], scope) or []
            row = columns[0].row if len(columns) == 1 and isinstance(columns[0], Whole) else columns or None
            return Elements(row) if row and content["sub_link_type"] == "ARRAY_SUBLINK" else row
        if kind == "a_indirection" and "is_slice" not in content["indirection"][-1].get(
            "a_indices", {"is_slice": True}
        ):
            row = self._row(content["arg"], scope)
            return list(row) if isinstance(row, Elements) else None
        if kind == "coalesce_expr":
            return next(filter(None, (self._row(argument, scope) for argument in content["args"])), None)
        if kind == "case_expr":
            return self._row(content["args"][0]["case_when"]["result"], scope)
        return self._operated(content, scope) if kind == "a_expr" and "lexpr" in content else None

    def width(self, node: Node, scope: Scope) -> Columns | None:
        """The columns of an expression that is a row, written out or whole."""
        if "row_expr" in node:
            return self._targets(node["row_expr"].get("args", ()), scope, None)
        row = self._row(node, scope)
        return None if isinstance(row, Json) else row

    def walk(self, node: Any, scope: Scope) -> None:
        """Looks at an expression and everything in it."""
        if not isinstance(node, dict):
            for child in node if isinstance(node, list) else ():
                self.walk(child, scope)
            return
        self.at = node["location"] if node.get("location", -1) >= 0 else self.at
        looks = {
            "a_expr": self._comparison,
            "sub_link": self._membership,
            "type_cast": self._type_cast,
            "func_call": self._call,
            "null_test": self._null_test,
            "column_ref": self._reference,
        }
        for kind, content in node.items():
            if kind in _QUERIES:
                self.statement(node, scope)
                continue
            if kind in looks:
                looks[kind](content, scope)
            self.walk(content, scope)

    def _comparison(self, node: Node, scope: Scope) -> None:
        if "lexpr" not in node:
            return
        left, right, kind = node["lexpr"], node["rexpr"], node.get("kind")
        operator = names_of(node.get("name", ()))[-1:]
        if operator == ["||"] and f"'{ADDED}'" in str(left) and self.is_json(right, scope):
            self.problem("name", f"{ADDED} of the row would replace the other in the JSON")
        elif operator in (["="], ["<>"]):
            in_one, in_other = self.is_json(left, scope), self.is_json(right, scope)
            if in_one != in_other:
                self.problem("written", f"{ADDED} would be in one of what is compared")
            elif in_one and (is_stored(self._row(left, scope)) or is_stored(self._row(right, scope))):
                self.problem("written", f"{ADDED} of two rows, which differs, would be compared")
        for one in right.get("list", {}).get("items", [right]):
            other = self.width(one, scope)
            if isinstance(other, Elements) == (kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL")):
                self._compared(self.width(left, scope), other, node)

    def _membership(self, node: Node, scope: Scope) -> None:
        if node["sub_link_type"] in ("ANY_SUBLINK", "ALL_SUBLINK"):
            given = self.statement(node["subselect"], scope)
            row = getattr(given[0], "row", None) if given and len(given) == 1 else None
            if "row_expr" in node["testexpr"] or row:
                self._compared(self.width(node["testexpr"], scope), row or given, node)

    def _null_test(self, node: Node, scope: Scope) -> None:
        row = self.width(node["arg"], scope) if node["nulltesttype"] == "IS_NOT_NULL" else None
        if not isinstance(row, Elements) and has_added(row):
            self.problem("null", f"IS NOT NULL is false of a row whose {ADDED} is null", node)

    def _type_cast(self, node: Node, scope: Scope) -> None:
        names = names_of(node["type_name"]["names"])
        if names[-1] in ("text", "varchar") and has_added(self.width(node["arg"], scope)):
            self.problem("written", f"{ADDED} would be in the text of the row")
        for element in node["arg"].get("a_array_expr", {}).get("elements", [node["arg"]]):
            self._cast(
                element, self.catalogue.relation(names, self.path), names[-1], scope, node.get("location", self.at)
            )

    def _call(self, node: Node, scope: Scope) -> None:
        name = names_of(node["funcname"])[-1]
        taken = self.catalogue.taken.get(name, {})
        if name.startswith(_KEYS) and self.is_json(node["args"][0], scope):
            self.problem("written", f"{ADDED} would be one of the keys")
        if any(has_added(self.width(one, scope)) for one in node.get("args", ()) if name in _TEXTS):
            self.problem("written", f"{ADDED} would be in the text of the row")
        for place, argument in enumerate(node.get("args", ())):
            named = argument.get("named_arg_expr", {"name": place, "arg": argument})
            if row_type := taken.get(named["name"]):
                at = named["arg"].get("row_expr", {}).get("location", self.at)
                wanted, (_, row_name) = self.catalogue.columns_of(row_type), self.catalogue.row_types[row_type]
                self._cast(named["arg"], wanted, row_name, scope, at)

    def is_json(self, node: Node, scope: Scope) -> bool:
        """Whether this is a row of a core table as JSON."""
        row = self._row(node, scope)
        return isinstance(row, Json) and has_added(row)

    def _reference(self, node: Node, scope: Scope) -> None:
        """A column called cms_id: that of something else, a variable, or a function of the row (s.cms_id is cms_id(s))."""
        *qualifier, name = names_of(node["fields"])
        if name != ADDED:
            return
        self.at = node.get("location", self.at)
        items = [item for around in scope.chain() for item in around.items]
        if qualifier:
            named = [column for column in self._named(qualifier[-1], scope) or () if column == ADDED]
            seen = named if qualifier[-1] in [alias for alias, _ in items] else named[:1]
            added = qualifier[-1:] if has_added(seen) else []
            meant = len(named) > 1 or ADDED in self.catalogue.taken
        else:
            added = [alias for alias, columns in scope.items if has_added(columns)]
            others = [
                column for columns in [scope.given, *(columns for _, columns in items)] for column in columns or ()
            ]
            meant = ADDED in self.names or any(one == ADDED and not isinstance(one, Added) for one in others)
        if added and meant:
            self.problem("name", f"{ADDED} would be that of {added[0]}, or ambiguous")

    def _compared(self, left: Columns | None, right: Columns | None, at: Node) -> None:
        if left is not None and right is not None and len(left) != len(right):
            self.problem("compare", f"a row of {len(left)} columns is compared with one of {len(right)}", at)

    def _cast(self, node: Node, wanted: Columns | None, name: str, scope: Scope, at: int) -> None:
        written = node.get("a_const", {}).get("sval", {}).get("sval", "").strip()
        given = self.width(node, scope) if "row_expr" in node else None
        if written.startswith("(") and not isinstance(wanted, Elements):
            given = re.sub('"[^"]*"', "", written).split(",")
        if given is not None and wanted is not None and len(given) != len(wanted):
            self.at = at
            self.problem("cast", f"a row of {len(given)} columns is cast to {name}, which has {len(wanted)}")
        joined = names_of(node.get("a_expr", {}).get("name", ())) == ["||"]
        if joined and not isinstance(wanted, Elements) and has_added(wanted):
            self.at = at
            self.problem(
                "written", f"a text that is put together is read as {name}, which has {len(wanted or ())} columns"
            )
        for argument, into in zip(node.get("row_expr", {}).get("args", ()), wanted or (), strict=False):
            self._cast(argument, getattr(into, "row", None), f"the type of {into}", scope, at)

    def _renamed(self, columns: Columns | None, names: Iterable[Node]) -> Columns | None:
        """The columns by other names, of which there may be fewer."""
        given = names_of(names)
        for column, name in zip(columns or (), given, strict=False):
            if isinstance(column, Added):
                self.problem("renamed", f"{name} would be {ADDED}")
        return [*given, *columns[len(given) :]] if given and columns else columns
