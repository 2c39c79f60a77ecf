package test_test

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module = "github.com/growthgenius/growthgenius-go"

	textLibrary  = "golang.org/x/text/encoding"
	jsonLibrary  = "github.com/go-json-experiment/json"
	retryLibrary = "github.com/hashicorp/go-retryablehttp"
)

// layer is what the files of a folder may import, tests aside.
type layer struct {
	inside  []string // folders of the module
	outside []string // other modules: packages, and what is below them
	not     []string // packages of the standard library that it must not import
}

var (
	noHTTP = []string{"net/http"}

	// layers has a row for the root, and for each folder below internal.
	layers = map[string]layer{
		".": {
			inside: []string{"internal"},
			outside: []string{
				"github.com/google/go-querystring/query", "golang.org/x/time/rate", "golang.org/x/net/idna",
			},
		},
		"internal/readback": {
			inside: []string{"internal/match", "internal/wire", "internal/pace", "internal/errs"},
			not:    noHTTP,
		},
		"internal/engine": {
			inside:  []string{"internal/pace", "internal/charset", "internal/redact", "internal/errs"},
			outside: []string{retryLibrary},
		},
		"internal/match": {
			inside: []string{"internal/wire"}, not: noHTTP,
			outside: []string{"golang.org/x/net/idna", textLibrary, "golang.org/x/text/cases", "golang.org/x/text/unicode/norm"},
		},
		"internal/wire": {
			inside: []string{"internal/errs", "internal/redact"}, outside: []string{jsonLibrary},
			not: []string{"net/http", "log/slog"},
		},
		"internal/pace":    {inside: []string{"internal/errs"}, outside: []string{"golang.org/x/time/rate"}, not: noHTTP},
		"internal/fleet":   {inside: []string{"internal/pace"}, not: noHTTP},
		"internal/charset": {outside: []string{textLibrary, "golang.org/x/text/transform"}, not: noHTTP},
		"internal/lookup":  {not: noHTTP},
		"internal/redact":  {not: noHTTP},
		"internal/whole":   {not: noHTTP},
		"internal/turns":   {not: noHTTP},
		"internal/errs":    {not: noHTTP},
		// It is for the modules of the stores, and no other package uses it.
		"internal/leases": {inside: []string{".", "internal/turns"}, not: noHTTP},
	}

	// onlyFiles are the only files of the root that may import a package.
	onlyFiles = map[string][]string{
		"golang.org/x/time/rate": {"options.go", "ratelimit.go"},
		"golang.org/x/net/idna":  {"enrichment.go"},
	}

	// onlyFolders are the only folders that may import a library, at all.
	onlyFolders = map[string][]string{
		jsonLibrary: {"internal/wire"},
		textLibrary: {"internal/charset", "internal/match", "contactcsv", "growthgeniustest"},
		// The measurement of the promise compares the SDK with clients made with the library.
		retryLibrary: {"internal/engine", "test/faultrun"},
	}

	// testFolders serve tests only: they may import anything, and nothing else imports them.
	testFolders = []string{"internal/testkit", "test"}
)

// TestImports: each folder imports what its row allows.
func TestImports(t *testing.T) {
	t.Parallel()
	problems, err := checkImports(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// TestImportsAreChecked: the check finds what it is there for.
func TestImportsAreChecked(t *testing.T) {
	t.Parallel()
	in := func(paths ...string) string {
		text := "package p\n"
		for _, path := range paths {
			text += fmt.Sprintf("import _ %q\n", path)
		}
		return text
	}
	for _, tt := range []struct{ file, imports, want string }{
		{"client.go", in("net/http", module+"/internal/engine"), ""},
		{"client.go", in(retryLibrary), "client.go imports " + retryLibrary + ", which only internal/engine, test/faultrun may"},
		{"client.go", in(jsonLibrary + "/jsontext"), "client.go imports " + jsonLibrary + "/jsontext, which only internal/wire may"},
		{"client.go", in("golang.org/x/net/idna"), "client.go imports golang.org/x/net/idna, which only enrichment.go may"},
		{"enrichment.go", in("golang.org/x/net/idna"), ""},
		{"client.go", in("example.com/other"), "client.go imports example.com/other, which . may not"},
		{"client.go", in(module + "/growthgeniustest"), "client.go imports growthgeniustest, which . may not"},
		{"client.go", in(module + "/internal/testkit"), "client.go imports internal/testkit, which is for tests"},
		{"client_test.go", in(module+"/growthgeniustest", jsonLibrary, "example.com/other"), ""},
		{"internal/match/row.go", in(module+"/internal/wire", "golang.org/x/net/idna", "regexp"), ""},
		{"internal/match/row.go", in("net/http"), "internal/match/row.go imports net/http, which internal/match may not"},
		{"internal/match/row.go", in("net/http/httptrace"), "internal/match/row.go imports net/http/httptrace, which internal/match may not"},
		{"internal/match/row.go", in(module + "/internal/errs"), "internal/match/row.go imports internal/errs, which internal/match may not"},
		{"internal/match/row.go", in(module), "internal/match/row.go imports ., which internal/match may not"},
		{"internal/match/sub/x.go", in(), "internal/match/sub has no row in layers"},
		{"internal/new/x.go", in(), "internal/new has no row in layers"},
		{"internal/new/x_test.go", in(), "internal/new has no row in layers"},
		{"internal/testkit/kit.go", in(module, "net/http/httptest", "example.com/other"), ""},
		{"test/faultrun/main.go", in(module+"/growthgeniustest", retryLibrary), ""},
		{"test/other/main.go", in(retryLibrary), "test/other/main.go imports " + retryLibrary + ", which only internal/engine, test/faultrun may"},
		{"growthgeniustest/server.go", in(module, "net/http"), ""},
		{"growthgeniustest/server.go", in(jsonLibrary), "growthgeniustest/server.go imports " + jsonLibrary + ", which only internal/wire may"},
		{"growthgeniustest/server.go", in(module + "/test/kit"), "growthgeniustest/server.go imports test/kit, which is for tests"},
		{"internal/wire/testdata/x.go", in("net/http"), ""},
		{"nested/x.go", in(jsonLibrary), ""},
		{"client.go", "package", "client.go:1:8: expected 'IDENT', found 'EOF'"},
	} {
		problems, err := checkImports(fstest.MapFS{
			tt.file:         &fstest.MapFile{Data: []byte(tt.imports)},
			"nested/go.mod": &fstest.MapFile{},
		})
		if err != nil {
			problems = append(problems, err.Error())
		}
		if got := strings.Join(problems, "; "); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s with %q: %q, want %q", tt.file, tt.imports, got, tt.want)
		}
	}
}

// goFiles calls f with the path of each Go file of a module: not those of testdata, and
// those of the modules below it only if nested is true.
func goFiles(root fs.FS, nested bool, f func(name string) error) error {
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if !d.IsDir() {
			if path.Ext(name) != ".go" {
				return nil
			}
			return f(name)
		}
		if name == "." {
			return nil
		}
		_, err = fs.Stat(root, path.Join(name, "go.mod"))
		if err == nil && !nested || base == "testdata" || strings.ContainsAny(base[:1], "._") {
			return fs.SkipDir
		}
		return nil
	})
}

// checkImports returns what the files of a module import against the rules, and the
// folders that have none.
func checkImports(root fs.FS) (problems []string, err error) {
	unknown := map[string]bool{}
	err = goFiles(root, false, func(name string) error {
		dir := path.Dir(name)
		if _, ok := layers[dir]; !ok && below(dir, "internal") && !belowAny(dir, testFolders) {
			unknown[dir] = true
		}
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if problem := checkImport(name, imported); problem != "" {
				problems = append(problems, problem)
			}
		}
		return nil
	})
	for _, dir := range slices.Sorted(maps.Keys(unknown)) {
		problems = append(problems, dir+" has no row in layers")
	}
	return problems, err
}

// checkImport returns what is wrong with an import of a file, or "".
func checkImport(name, imported string) string {
	dir := path.Dir(name)
	shown, inside := imported, below(imported, module)
	if inside {
		shown = cmp.Or(strings.TrimPrefix(imported[len(module):], "/"), ".")
	}
	for library, folders := range onlyFolders {
		if below(imported, library) && !slices.Contains(folders, dir) {
			return fmt.Sprintf("%s imports %s, which only %s may", name, imported, strings.Join(folders, ", "))
		}
	}
	if files := onlyFiles[imported]; files != nil && dir == "." && !slices.Contains(files, name) {
		return fmt.Sprintf("%s imports %s, which only %s may", name, imported, strings.Join(files, ", "))
	}
	if belowAny(dir, testFolders) {
		return ""
	}
	if inside && belowAny(shown, testFolders) {
		return fmt.Sprintf("%s imports %s, which is for tests", name, shown)
	}
	row, ok := layers[dir]
	if !ok {
		return "" // a public package, or a program
	}
	first, _, _ := strings.Cut(imported, "/")
	allowed := !belowAny(imported, row.not)
	switch {
	case inside:
		allowed = belowAny(shown, row.inside)
	case strings.Contains(first, "."):
		allowed = belowAny(imported, row.outside)
	}
	if !allowed {
		return fmt.Sprintf("%s imports %s, which %s may not", name, shown, dir)
	}
	return ""
}

// below reports whether a path is a folder or in it.
func below(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func belowAny(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return below(name, folder) })
}
