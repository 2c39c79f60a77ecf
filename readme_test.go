package growthgenius_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// fragmentImports are the packages that a piece of code in the README may use without
// importing them, by the name it uses.
var fragmentImports = map[string]string{
	"errors": "errors", "fmt": "fmt", "json": "encoding/json", "http": "net/http", "log": "log", "os": "os",
	"slog": "log/slog", "time": "time", "url": "net/url",
}

// fragment makes a file of a piece of code that stands in a function with a context and a
// client and may return an error.
func fragment(code string) string {
	imports := []string{`"context"`, `"github.com/growthgenius/growthgenius-go"`}
	for name, path := range fragmentImports {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(code) {
			imports = append(imports, fmt.Sprintf("%q", path))
		}
	}
	slices.Sort(imports)
	return "package fragment\n\nimport (\n" + strings.Join(imports, "\n") + "\n)\n\n" +
		"func example(ctx context.Context, client *growthgenius.Client) error {\n" + code + "\nreturn nil\n}\n\n" +
		"var _ = growthgenius.NewClient\nvar _ = example\n"
}

// pages are the documents whose code is built. (That of reliability.md is an Example.)
var pages = []string{"README.md", "docs/getting-data-out.md"}

// TestReadmeCode builds each piece of Go in the pages in a module of its own, as a reader
// would, runs its programs against a server in memory and its tests.
func TestReadmeCode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a module")
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/growthgenius/growthgenius-go"
	gomod = bytes.Replace(gomod, []byte("module "+module), []byte("module readme"), 1)
	gomod = fmt.Appendf(gomod, "\nrequire %s v0.0.0\n\nreplace %s => %q\n", module, module, filepath.ToSlash(root))
	gosum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", gomod)
	write("go.sum", gosum)

	var programs []string
	var blocks [][]string
	for _, page := range pages {
		found := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(readPage(t, page), -1)
		if len(found) == 0 {
			t.Fatalf("%s has no Go code", page)
		}
		blocks = append(blocks, found...)
	}
	for i, block := range blocks {
		code, folder := block[1], fmt.Sprintf("block%02d", i+1)
		switch {
		case strings.HasPrefix(code, "package main\n"):
			programs = append(programs, folder)
			write(folder+"/main.go", []byte(code))
		case strings.HasPrefix(code, "package "):
			write(folder+"/readme_test.go", []byte(code))
		default:
			write(folder+"/fragment.go", []byte(fragment(code)))
		}
	}

	srv := growthgeniustest.NewServer(t)
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GROWTHGENIUS_API_KEY="+srv.APIKey(),
			"GROWTHGENIUS_USER_ID=1", "GROWTHGENIUS_BASE_URL="+srv.URL())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("vet", "./...")
	command("test", "./...")
	if len(programs) == 0 {
		t.Fatal("the README has no program")
	}
	for _, program := range programs {
		if out := command("run", "./"+program); out != "created 1102755\n" {
			t.Errorf("%s prints %q", program, out)
		}
	}
	if contacts := srv.Contacts(); len(contacts) != 1 || contacts[0].Email != "tony@example.com" {
		t.Errorf("the program created %v", contacts)
	}
}

// exported are the names of the package that the README has to know, in its own notation.
type exported struct{ calls, options, sentinels, environment []string }

func (e *exported) all() []string {
	return slices.Concat(e.calls, e.options, e.sentinels, e.environment)
}

func exportedNames(t *testing.T) exported {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names exported
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				names.addFunc(decl)
			case *ast.GenDecl:
				names.addVars(decl)
			}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range regexp.MustCompile(`Getenv\("(\w+)"\)`).FindAllSubmatch(text, -1) {
			names.environment = append(names.environment, string(variable[1]))
		}
	}
	return names
}

func (e *exported) addFunc(f *ast.FuncDecl) {
	if !f.Name.IsExported() {
		return
	}
	if f.Recv == nil {
		if f.Type.Results != nil && len(f.Type.Results.List) == 1 {
			if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && (result.Name == "Option" || result.Name == "RequestOption") {
				e.options = append(e.options, f.Name.Name)
			}
		}
		return
	}
	star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return
	}
	receiver, ok := star.X.(*ast.Ident)
	if !ok {
		return
	}
	if service, ok := strings.CutSuffix(receiver.Name, "Service"); ok {
		e.calls = append(e.calls, service+"."+f.Name.Name)
	} else if receiver.Name == "Client" && f.Name.Name != "String" {
		e.calls = append(e.calls, "Client."+f.Name.Name)
	}
}

func (e *exported) addVars(d *ast.GenDecl) {
	if d.Tok != token.VAR {
		return
	}
	for _, spec := range d.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for _, name := range value.Names {
			if strings.HasPrefix(name.Name, "Err") {
				e.sentinels = append(e.sentinels, name.Name)
			}
		}
	}
}

// TestReadmeTables holds the README's tables to the package: each exported call, option,
// sentinel and environment variable is the first cell of a row, and no other is.
func TestReadmeTables(t *testing.T) {
	t.Parallel()
	readme, names := readPage(t, "README.md"), exportedNames(t)
	if len(names.calls) < 10 || len(names.options) < 10 || len(names.sentinels) < 10 || len(names.environment) != 3 {
		t.Fatalf("this test does not find the package's names: %+v", names)
	}
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_.]+)(?:\\([^`]*\\))?` \\|").FindAllStringSubmatch(readme, -1) {
		rows[row[1]] = true
	}
	for _, name := range names.all() {
		if !rows[name] {
			t.Errorf("no table of README.md has a row for `%s`", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("README.md has a row for `%s`, which this package does not have", name)
	}
}

// TestLinks holds the links of every page to files and headings that are there.
func TestLinks(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(all, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md") {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(readPage(t, page), "")
		headings := map[string]bool{}
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
			headings["#"+strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")] = true
		}
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			switch to := link[1]; {
			case strings.HasPrefix(to, "https://"):
			case strings.HasPrefix(to, "#"):
				if !headings[to] {
					t.Errorf("%s: no heading for the link %s", page, to)
				}
			default:
				file, _, _ := strings.Cut(to, "#")
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(file))); err != nil {
					t.Errorf("%s: no file for the link %s", page, to)
				}
			}
		}
	}
}
