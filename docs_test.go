package growthgenius_test

import (
	"encoding/json"
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
)

// exported are the names of the package that the tables have to have, as they write them.
type exported struct{ calls, options, sentinels, environment []string }

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

// TestTables compares the tables of the documentation with the package: each exported
// call, option, sentinel and environment variable is the first cell of a row of its page,
// and no other name is.
func TestTables(t *testing.T) {
	t.Parallel()
	names := exportedNames(t)
	for page, names := range map[string][]string{
		"docs/calls.md":   names.calls,
		"docs/options.md": slices.Concat(names.options, names.environment),
		"docs/errors.md":  names.sentinels,
	} {
		if len(names) < 10 {
			t.Fatalf("this test does not find the package's names for %s: %v", page, names)
		}
		rows := map[string]bool{}
		for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_.]+)(?:\\([^`]*\\))?` \\|").FindAllStringSubmatch(readPage(t, page), -1) {
			rows[row[1]] = true
		}
		for _, name := range names {
			if !rows[name] {
				t.Errorf("%s has no row for `%s`", page, name)
			}
			delete(rows, name)
		}
		for name := range rows {
			t.Errorf("%s has a row for `%s`, which this package does not have", page, name)
		}
	}
}

// TestArchitecture compares the tree in docs/architecture.md with the files of the root and
// the packages of internal.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(readPage(t, "docs/architecture.md"), "```text\n")
	tree, _, _ := strings.Cut(after, "```")
	shown, there := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(tree) {
		for _, word := range strings.Fields(line) {
			switch folder, ok := strings.CutSuffix(word, "/"); {
			case strings.HasSuffix(word, ".go"):
				shown[word] = true
			case ok && strings.HasPrefix(line, "  "):
				shown["internal/"+folder] = true
			}
		}
	}
	for _, pattern := range []string{"*.go", "internal/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			if name = filepath.ToSlash(name); !strings.HasSuffix(name, "_test.go") {
				there[name] = true
			}
		}
	}
	for name := range there {
		if !shown[name] {
			t.Errorf("docs/architecture.md does not have %s", name)
		}
	}
	for name := range shown {
		if !there[name] {
			t.Errorf("docs/architecture.md has %s, which does not exist", name)
		}
	}
}

// TestArchitecturePaths checks that each file that docs/architecture.md names with its folder
// exists.
func TestArchitecturePaths(t *testing.T) {
	t.Parallel()
	for _, name := range regexp.MustCompile("`([a-z]+/[a-z/]*[a-z_]+\\.[a-z]+)`").FindAllStringSubmatch(readPage(t, "docs/architecture.md"), -1) {
		if _, err := os.Stat(filepath.FromSlash(name[1])); err != nil {
			t.Errorf("docs/architecture.md names %s, which does not exist", name[1])
		}
	}
}

// TestArchitectureExample builds the new endpoint of docs/architecture.md as a part of the
// package.
func TestArchitectureExample(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the package")
	}
	_, after, _ := strings.Cut(readPage(t, "docs/architecture.md"), "```go\n")
	code, _, _ := strings.Cut(after, "```")
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	example, overlay := filepath.Join(dir, "accounts.go"), filepath.Join(dir, "overlay.json")
	added, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "accounts.go"): example}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{example: code, overlay: string(added)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, ".").CombinedOutput(); err != nil {
		t.Errorf("the example does not build: %v\n%s", err, out)
	}
}

// TestLinks checks that the links of every page lead to files and headings that exist.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{"testdata/README.md"}
	for _, pattern := range []string{"*.md", "docs/*.md", ".github/*.md", ".github/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(readPage(t, page), "")
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			file, heading, _ := strings.Cut(link[1], "#")
			to := page
			if file != "" {
				to = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: no file for the link %s", page, link[1])
			} else if heading != "" && !headings(readPage(t, to))[heading] {
				t.Errorf("%s: no heading for the link %s", page, link[1])
			}
		}
	}
}

// headings returns the anchors that GitHub gives to the headings of a page.
func headings(text string) map[string]bool {
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}
