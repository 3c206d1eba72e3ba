package cli

import "github.com/spf13/cobra"

// newTask holds the commands about single tasks.
func newTask(a *app) *cobra.Command {
	return newGroup("task", "Show, find, wait for, retry, cancel and explain tasks",
		newTaskShow(a), newTaskLs(a), newTaskWait(a), newTaskRetry(a), newTaskCancel(a), newTaskExplain(a), newTaskTypes(a))
}

// newTasksAlias keeps `stem tasks ls`, by which people know the list of
// registered tasks.
func newTasksAlias(a *app) *cobra.Command {
	types := newTaskTypes(a)
	types.Use, types.Aliases = "ls", []string{"list"}
	types.Example = "  stem tasks ls"
	group := newGroup("tasks", "List the registered tasks (same as: stem task types)", types)
	group.Hidden = true
	return group
}
