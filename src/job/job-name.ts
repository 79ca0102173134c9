/** The names of jobs: `<module>.<export>`. */

const JOB_NAME = /^[A-Za-z]\w*(?:\.[A-Za-z]\w*){0,3}$/
const LONGEST_NAME = 128

/** What a name must be like, for messages. */
export const JOB_NAME_RULE: string = `a name has one to four words of letters, digits and "_", each starting with a letter, joined by ".", and at most ${LONGEST_NAME} characters`

/** Whether `text` may be the name of a job. */
export function isJobName(text: string): boolean {
  return text.length <= LONGEST_NAME && JOB_NAME.test(text)
}
