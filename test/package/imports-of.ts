/** What a source file refers to, in any form: imports, re-exports, import types, dynamic imports, `new URL()`, `require()`. */

import { parseSync, Visitor } from 'oxc-parser'

/**
 * The specifiers, in the order of the text; that of a built file is given as that of its source. A computed import is not seen.
 * Throws when the text does not parse.
 */
export function importsOf(file: string, text: string): readonly string[] {
  const { program, errors } = parseSync(file, text)
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`)
  const specifiers: string[] = []
  const add = (source: unknown): void => {
    const specifier = literalOf(source)
    if (specifier !== undefined) specifiers.push(specifier.replace(/^(\..*)\.js$/, '$1.ts'))
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    NewExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'URL') addRelative(node.arguments[0])
    },
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'require') add(node.arguments[0])
    },
  }).visit(program)
  return specifiers

  function addRelative(source: unknown): void {
    if (/^\..*\.[jt]s$/.test(literalOf(source) ?? '')) add(source)
  }
}

function literalOf(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null || !('value' in node)) return undefined
  return typeof node.value === 'string' ? node.value : undefined
}
