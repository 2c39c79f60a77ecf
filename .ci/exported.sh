#!/usr/bin/env bash
# The exported API of the packages that programs import, in api/exported.txt, so that no
# change of it goes unnoticed. It is what go doc -all prints, less what may change freely:
# the words of comments, the alignment, the names of receivers, the values of variables,
# and the order of constants and variables.
#
#   bash .ci/exported.sh            compare with api/exported.txt, and show what differs
#   bash .ci/exported.sh --update   write api/exported.txt
#   bash .ci/exported.sh --print    print it
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
file=api/exported.txt
packages=(. growthgeniustest ledger bulk contactcsv mailbox)

usage() { sed -n '/^#   bash/s/^#   //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# declarations reads what go doc -all prints and leaves the declarations.
declarations() {
  awk '
    # bare returns a line without its comment, and with single blanks between the words.
    function bare(line,    i, c, quote, out, tabs) {
      quote = ""; out = ""
      match(line, /^\t*/); tabs = RLENGTH
      for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quote != "") {
          if (c == "\\" && quote != "`") { out = out c; c = substr(line, ++i, 1) }
          else if (c == quote) quote = ""
        } else if (c == "\"" || c == "`" || c == "'\''") quote = c
        else if (substr(line, i, 2) == "//") break
        else if (c == " " && (substr(out, length(out)) == " ")) continue
        out = out c
      }
      sub(/[ \t]+$/, "", out)
      return out
    }
    # value prints a constant or a variable on a line of its own.
    function value(word, line) {
      sub(/^[ \t]+/, "", line)
      if (word == "var") sub(/ = .*/, "", line)
      print word " " line | sort
    }
    function flush() { close(sort) }
    BEGIN { sort = "LC_ALL=C sort" }

    NR == 1 { print; next }
    /^(CONSTANTS|VARIABLES|FUNCTIONS|TYPES)$/ { flush(); section = $0; print "\n" section; fflush(); next }
    section == "" { next } # what is said of the package
    /^    Deprecated:/ { print "\t// Deprecated"; next }
    /^    / { next } # what is said of a declaration
    /^\t+\/\/ Has unexported/ { print; next }
    { line = bare($0) }
    line == "" { next }
    section == "CONSTANTS" || section == "VARIABLES" {
      if (block != "" && line == ")") block = ""
      else if (block != "") value(block, line)
      else if (line ~ /^(const|var) \($/) { block = line; sub(/ .*/, "", block) }
      else { word = line; sub(/ .*/, "", word); sub(/^[a-z]+ /, "", line); value(word, line) }
      next
    }
    /^type / { print "" }
    { sub(/^func \([A-Za-z0-9_]+ /, "func (", line); print line }
    END { flush() }'
}

exported() {
  local package first=1
  for package in "${packages[@]}"; do
    compgen -G "$package/*.go" >/dev/null || continue
    [[ -n $first ]] || printf '\n\n'
    first=
    (cd "$package" && go doc -all .) | declarations
  done
}

case ${1-} in
  --print) exported ;;
  --update)
    exported >"$file.new"
    mv "$file.new" "$file"
    echo "$file is written"
    ;;
  '')
    [[ -f $file ]] || { echo "$file is missing: run bash .ci/exported.sh --update" >&2; exit 1; }
    if ! diff -u --label "$file" --label "what is exported now" "$file" <(exported); then
      echo
      echo "The exported API is not what $file says. If that is meant, run"
      echo "  bash .ci/exported.sh --update"
      echo "and say in CHANGELOG.md what changes for programs."
      exit 1
    fi
    echo "the exported API is as $file has it"
    ;;
  *) usage ;;
esac
