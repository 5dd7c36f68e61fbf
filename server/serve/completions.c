/*
 * completions.c - what a shell needs to complete wok-server's options.
 *
 * None of the scripts needs more than its shell: bash's works without the package bash-completion,
 * which loads it by the name of its file.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/config.h"

static bool names_files(const struct wok__option *option)
{
    return option->kind == WOK__KIND_FILE || option->kind == WOK__KIND_FILES;
}

static bool is_repeatable(const struct wok__option *option)
{
    return option->kind == WOK__KIND_LISTENERS || option->kind == WOK__KIND_FILES;
}

/* ---- bash ------------------------------------------------------------------------------------------ */

/* What the script's `case` does after an option whose value can be completed. */
static void bash_value(FILE *file, const struct wok__option *option)
{
    if (names_files(option))
        fprintf(file, "    %s)\n        compopt -o default\n        return\n        ;;\n",
                option->flag); /* readline's own, which knows of blanks, quotes and ~ */
    else if (option->form != WOK__VALUE_NONE && option->choices != NULL)
        fprintf(
            file,
            "    %s)\n        %sCOMPREPLY=($(compgen -W '%s' -- \"$cur\")) && return\n        ;;\n",
            option->flag, option->form == WOK__VALUE_ATTACHED ? "[ -n \"$attached\" ] && " : "",
            option->choices);
}

/* One branch for all those whose value can only be typed. */
static void bash_typed_values(FILE *file)
{
    const char *separator = "    ";

    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        if (option->form != WOK__VALUE_NEEDED || option->choices != NULL || names_files(option))
            continue;
        fprintf(file, "%s%s", separator, option->flag);
        separator = " | \\\n        ";
    }
    fputs(")\n        return\n        ;;\n", file);
}

static void bash(FILE *file)
{
    fputs("# bash completion for wok-server, made by: wok-server --completions bash\n"
          "_wok_server() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} attached=\n"
          "    COMPREPLY=()\n"
          "    # To readline \"--flag=value\" is three words.\n"
          "    if [ \"$cur\" = = ]; then\n"
          "        cur= attached=1\n"
          "    elif [ \"$prev\" = = ] && [ \"$COMP_CWORD\" -ge 2 ]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD-2]} attached=1\n"
          "    fi\n"
          "    case $prev in\n",
          file);
    for (size_t i = 0; i < WOK__OPTIONS; i++)
        bash_value(file, &wok__options[i]);
    bash_typed_values(file);
    fputs("    esac\n    [ -z \"$attached\" ] || return\n    COMPREPLY=($(compgen -W '", file);
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const char *letter = wok__options[i].letter;
        fprintf(file, "%s%s%s%s", i > 0 ? " " : "", wok__options[i].flag, letter != NULL ? " " : "",
                letter != NULL ? letter : "");
    }
    fputs("' -- \"$cur\"))\n}\ncomplete -F _wok_server wok-server\n", file);
}

/* ---- zsh ------------------------------------------------------------------------------------------- */

/* A specification of _arguments: '*--listen=[what]:ADDR\:PORT:'. */
static void zsh_option(FILE *file, const struct wok__option *option)
{
    static const char *const form[] = {"", "=", "=", "=-"}; /* "=-": attached only */

    if (option->letter != NULL)
        fprintf(file, " \\\n    '%s[as %s]'", option->letter, option->flag);
    fprintf(file, " \\\n    '%s%s%s[", is_repeatable(option) ? "*" : "", option->flag,
            form[option->form]);
    for (const char *at = option->what; *at != '\0'; at++)
        fprintf(file, "%s", *at == '\'' ? "'\\''" : (char[]){*at, '\0'});
    fputc(']', file);
    if (option->form != WOK__VALUE_NONE) {
        fputs(option->form == WOK__VALUE_NEEDED ? ":" : "::", file);
        for (const char *at = option->value; *at != '\0'; at++)
            fprintf(file, "%s%c", *at == ':' ? "\\" : "", *at);
        if (names_files(option))
            fputs(":_files", file);
        else if (option->choices != NULL)
            fprintf(file, ":(%s)", option->choices);
        else
            fputs(": ", file);
    }
    fputc('\'', file);
}

static void zsh(FILE *file)
{
    fputs("#compdef wok-server\n# made by: wok-server --completions zsh\n_arguments", file);
    for (size_t i = 0; i < WOK__OPTIONS; i++)
        zsh_option(file, &wok__options[i]);
    fputc('\n', file);
}

/* ---- fish ------------------------------------------------------------------------------------------ */

static void fish(FILE *file)
{
    fputs("# made by: wok-server --completions fish\ncomplete -c wok-server -f\n", file);
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        fprintf(file, "complete -c wok-server -l %s", option->flag + 2);
        if (option->letter != NULL)
            fprintf(file, " -s %s", option->letter + 1);
        if (names_files(option))
            fputs(" -r -F", file);
        else if (option->form == WOK__VALUE_NEEDED)
            fputs(" -x", file);
        if (option->form != WOK__VALUE_NONE && option->choices != NULL)
            fprintf(file, " -a '%s'", option->choices);
        fputs(" -d '", file);
        for (const char *at = option->what; *at != '\0'; at++)
            fprintf(file, "%s%c", *at == '\'' ? "\\" : "", *at);
        fputs("'\n", file);
    }
}

void wok__config_completions(const char *shell, FILE *file)
{
    if (strcmp(shell, "bash") == 0)
        bash(file);
    else if (strcmp(shell, "zsh") == 0)
        zsh(file);
    else
        fish(file);
}
