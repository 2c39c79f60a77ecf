package test_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileOrder are the files of the root from the top to the bottom. A file uses only what it
// declares itself and what the files below it declare.
var fileOrder = []string{
	"client", "enrichment", "upsert", "upsertfind", "pagination", "changes", "changefeed", "search", "company",
	"messages", "contacts", "users", "update", "once", "readback", "list", "decode", "core", "options", "request",
	"observer", "errors", "requestoptions", "upsertmemory", "ledger", "token", "cache", "person", "transport", "retry", "ratelimit",
	"optional", "id", "doc",
}

// TestFileOrder: no file of the root uses a name of a file above it.
func TestFileOrder(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("type-checks the root package")
	}
	deps, names := exports(t, "..")
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(fset, filepath.Join("..", name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	found, err := checkOrder(fset, files, fileOrder, deps(fset))
	for _, crossing := range found {
		t.Error(crossing)
	}
	if err != nil {
		t.Errorf("what does not type-check is not checked: %v", err)
	}
}

// TestFileOrderIsChecked: the check finds what it is there for.
func TestFileOrderIsChecked(t *testing.T) {
	t.Parallel()
	const top = `package p
		type Top struct{ Field int; bottom; error }
		func (Top) Method() {}
		type Generic[T any] struct{ In T }
		func helper(b bottom) string { return b.text + b.name() }
		const limit = 1
		var options struct{ Deep []struct{ Inner int } }`
	for bottom, want := range map[string]string{
		`func use(text string) { field, limit := text, 2; _, _ = field, limit }`: "",
		`type Field struct{ Method int }; var f = Field{Method: 1}`:              "",
		`func use() { helper(bottom{}) }`:                                        "bottom.go:3: uses helper of top.go, which is above it",
		`func use() int { return limit + limit }`:                                "bottom.go:3: uses limit of top.go, which is above it, 2 times",
		`func use(t interface{ Method() }) { t.Method() }`:                       "",
		`func use[T interface{ Top }](t T) {}`:                                   "bottom.go:3: uses Top of top.go, which is above it",
		`var field = middle.Field`:                                               "bottom.go:3: uses Top.Field of top.go, which is above it",
		`func use() { middle.Method() }`:                                         "bottom.go:3: uses Top.Method of top.go, which is above it",
		`var in = instance.In`:                                                   "bottom.go:3: uses Generic.In of top.go, which is above it",
		`func use() { _ = middle.Error() }`:                                      "",
		`func use() { local.Inner = 1 }`:                                         "bottom.go:3: uses options.Deep.Inner of top.go, which is above it",
		`var wrong = nowhere`:                                                    "bottom.go:3:13: undefined: nowhere",
	} {
		fset := token.NewFileSet()
		var files []*ast.File
		for name, source := range map[string]string{
			"top.go":    top,
			"bottom.go": "package p\ntype bottom struct{ text string }; func (bottom) name() string { return \"\" }\n" + bottom,
			"other.go":  "package p; var (middle Top; instance Generic[int]); var local = options.Deep[0]",
			"doc.go":    "package p",
		} {
			file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		found, err := checkOrder(fset, files, []string{"top", "bottom", "doc", "gone"}, nil)
		if err != nil {
			found = append(found, err.Error())
		}
		all := []string{"gone.go is in fileOrder and does not exist", "other.go is not in fileOrder"}
		if want != "" {
			all = append(all, want)
		}
		slices.Sort(found)
		if !slices.Equal(found, slices.Sorted(slices.Values(all))) {
			t.Errorf("%s: found %q, want %q", bottom, found, all)
		}
	}
}

// exports returns an importer of what a package needs, and the files of the package. The
// go command compiles what is not in its cache.
func exports(t *testing.T, dir string) (func(*token.FileSet) types.Importer, []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-export", "-deps", "-f",
		`{{.ImportPath}} {{if .DepOnly}}export {{.Export}}{{else}}files {{join .GoFiles " "}}{{end}}`, ".")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	exported, files := map[string]string{}, []string(nil)
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 3:
		case words[1] == "files":
			files = words[2:]
		default:
			exported[words[0]] = words[2]
		}
	}
	open := func(path string) (io.ReadCloser, error) {
		if file, ok := exported[path]; ok {
			return os.Open(file)
		}
		return nil, fmt.Errorf("%s is not compiled: %s", path, &stderr)
	}
	return func(fset *token.FileSet) types.Importer {
		return importer.ForCompiler(fset, "gc", open)
	}, files
}

// checkOrder returns each use of a name of the package in a file below the one that
// declares it, and the files that have no place in the order. The error is the first that
// the type checker finds.
func checkOrder(fset *token.FileSet, files []*ast.File, order []string, from types.Importer) ([]string, error) {
	place := map[string]int{}
	for i, name := range order {
		place[name+".go"] = i
	}
	fileOf := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	gone := maps.Clone(place)
	var found []string
	for _, file := range files {
		name := fileOf(file.Package)
		if _, ok := place[name]; !ok {
			found = append(found, name+" is not in fileOrder")
		}
		delete(gone, name)
	}
	for name := range gone {
		found = append(found, name+" is in fileOrder and does not exist")
	}

	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	var first error
	config := types.Config{Importer: from, Error: func(err error) { first = cmp.Or(first, err) }}
	pkg, err := config.Check("p", fset, files, info)
	owners := membersOf(pkg)
	type crossing struct{ user, name, declared string }
	lines := map[crossing][]int{}
	for ident, object := range info.Uses {
		name, ok := owners[origin(object)]
		if !ok {
			continue
		}
		user, declared := fileOf(ident.Pos()), fileOf(object.Pos())
		at, ok := place[user]
		if to, known := place[declared]; ok && known && to < at {
			c := crossing{user, name, declared}
			lines[c] = append(lines[c], fset.Position(ident.Pos()).Line)
		}
	}
	for c, at := range lines {
		text := fmt.Sprintf("%s:%d: uses %s of %s, which is above it", c.user, slices.Min(at), c.name, c.declared)
		if len(at) > 1 {
			text += fmt.Sprintf(", %d times", len(at))
		}
		found = append(found, text)
	}
	slices.Sort(found)
	return found, cmp.Or(first, err)
}

// origin returns the generic declaration of a field or method of an instance.
func origin(object types.Object) types.Object {
	switch object := object.(type) {
	case *types.Func:
		return object.Origin()
	case *types.Var:
		return object.Origin()
	default:
		return object
	}
}

// membersOf returns the package-level declarations of a package, and the fields and methods
// of its types, with their names. Parameters and what functions declare are not among them.
func membersOf(pkg *types.Package) map[types.Object]string {
	members := map[types.Object]string{}
	for _, name := range pkg.Scope().Names() {
		object := pkg.Scope().Lookup(name)
		members[object] = name
		declared, ok := object.(*types.TypeName)
		if !ok {
			fieldsOf(object.Type(), name, members)
			continue
		}
		if named, ok := declared.Type().(*types.Named); ok {
			for method := range named.Methods() {
				members[method] = name + "." + method.Name()
			}
		}
		fieldsOf(declared.Type().Underlying(), name, members)
	}
	return members
}

// fieldsOf adds the fields of a struct, and of unnamed structs in it, and the methods of
// an interface. What has a name of its own is left to that name.
func fieldsOf(t types.Type, name string, members map[types.Object]string) {
	switch t := t.(type) {
	case *types.Struct:
		for field := range t.Fields() {
			inner := name + "." + field.Name()
			members[field] = inner
			fieldsOf(field.Type(), inner, members)
		}
	case *types.Interface:
		for method := range t.ExplicitMethods() {
			members[method] = name + "." + method.Name()
		}
	case interface{ Elem() types.Type }: // of a pointer, a slice, an array or a map
		fieldsOf(t.Elem(), name, members)
	}
}
