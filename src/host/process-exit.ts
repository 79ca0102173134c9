/** What threads must do before their process ends. */

const tasks = new Set<() => void>()

/**
 * Runs `task` when the process exits, until the returned function is called. It cannot wait for promises, and it is not run
 * when a signal ends the process. There is one listener for all tasks, so that many of them do not look like a leak.
 */
export function atProcessExit(task: () => void): () => void {
  if (tasks.size === 0) process.on('exit', onExit)
  tasks.add(task)
  return () => {
    if (tasks.delete(task) && tasks.size === 0) process.off('exit', onExit)
  }
}

function onExit(): void {
  for (const task of tasks) task()
}
