/** Finds the variables that a function takes from outside of itself. */
import { createRequire } from "node:module"
import type * as Acorn from "acorn"

/** Why a function cannot travel by its source. */
export interface Refusal {
  readonly path: string
  readonly reason: string
}

type Node = Acorn.AnyNode

class Scope {
  readonly names = new Set<string>()
  readonly parent: Scope | undefined
  /** Where `var` declares. */
  readonly isFunction: boolean

  constructor(parent: Scope | undefined, isFunction: boolean) {
    this.parent = parent
    this.isFunction = isFunction
  }

  declare(pattern: Node | null | undefined, hoisted: boolean): void {
    if (hoisted && !this.isFunction && this.parent !== undefined) return this.parent.declare(pattern, hoisted)
    for (const name of patternNames(pattern)) this.names.add(name)
  }

  has(name: string): boolean {
    return this.names.has(name) || (this.parent?.has(name) ?? false)
  }
}

const patternNames = (pattern: Node | null | undefined): ReadonlyArray<string> => {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name]
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === "RestElement" ? property.argument : property.value)
      )
    case "ArrayPattern":
      return pattern.elements.flatMap(patternNames)
    case "AssignmentPattern":
      return patternNames(pattern.left)
    case "RestElement":
      return patternNames(pattern.argument)
    default:
      return []
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const children = (node: Node): ReadonlyArray<Node> =>
  Object.entries(node).flatMap(([key, value]) => {
    // Names that are not variables: `object.name`, `{ name: ... }`, labels, `new.target`.
    if (node.type === "MetaProperty") return []
    if (key === "property" && node.type === "MemberExpression" && !node.computed) return []
    if (key === "key" && "computed" in node && !node.computed) return []
    if (key === "label") return []
    return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []
  })

const isFunctionNode = (
  node: Node
): node is Acorn.FunctionExpression | Acorn.FunctionDeclaration | Acorn.ArrowFunctionExpression =>
  node.type === "FunctionExpression" || node.type === "FunctionDeclaration" || node.type === "ArrowFunctionExpression"

/** Declares what is declared directly in a block, so that uses before a declaration find it. */
const hoist = (node: Node, scope: Scope): void => {
  // The cases of a switch are one block.
  const directly = children(node).flatMap((child) => (child.type === "SwitchCase" ? child.consequent : [child]))
  for (const child of directly) {
    if (child.type === "FunctionDeclaration" || child.type === "ClassDeclaration") scope.declare(child.id, false)
    else if (child.type === "VariableDeclaration") {
      for (const declaration of child.declarations) scope.declare(declaration.id, child.kind === "var")
    }
    // A `var` in a nested block belongs to the function around it.
    if (!isFunctionNode(child)) hoistVars(child, scope)
  }
}

const hoistVars = (node: Node, scope: Scope): void => {
  if (node.type === "VariableDeclaration" && node.kind === "var") {
    for (const declaration of node.declarations) scope.declare(declaration.id, true)
  }
  for (const child of children(node)) if (!isFunctionNode(child)) hoistVars(child, scope)
}

const walk = (node: Node, outer: Scope, free: Set<string>): void => {
  let scope = outer
  if (isFunctionNode(node)) {
    scope = new Scope(outer, true)
    if (node.type !== "ArrowFunctionExpression") {
      scope.names.add("arguments")
      if (node.id) scope.declare(node.id, false)
    }
    for (const parameter of node.params) scope.declare(parameter, false)
  } else if (node.type === "ClassExpression" || node.type === "ClassDeclaration") {
    scope = new Scope(outer, false)
    scope.declare(node.id, false)
  } else if (node.type === "CatchClause") {
    scope = new Scope(outer, false)
    scope.declare(node.param, false)
  } else if (/^(BlockStatement|StaticBlock|SwitchStatement|For)/.test(node.type)) scope = new Scope(outer, false)
  if (scope !== outer || node.type === "BlockStatement") hoist(node, scope)
  if (node.type === "Identifier" && !scope.has(node.name)) free.add(node.name)
  for (const child of children(node)) walk(child, scope, free)
}

const checked = new Map<string, Refusal | undefined>()

const unreadable = (detail: string): Refusal => ({
  path: "the function",
  reason: `its source cannot be read by itself; write it as an arrow function or as a function expression${detail}`
})

const find = (source: string): Refusal | undefined => {
  if (/\{\s*\[native code\]\s*\}$/.test(source)) {
    return { path: "the function", reason: "it has no source, being built in or bound" }
  }
  const acorn = createRequire(import.meta.url)("acorn") as typeof Acorn
  let ast: Acorn.Expression
  try {
    ast = acorn.parseExpressionAt(source, 0, { ecmaVersion: "latest" })
  } catch (error) {
    return unreadable(` (${String(error)})`)
  }
  if (!isFunctionNode(ast) || ast.end < source.length) return unreadable("")
  const free = new Set<string>()
  walk(ast, new Scope(undefined, true), free)
  const captured = [...free].filter((name) => !(name in globalThis) && name !== "undefined")
  if (captured.length === 0) return undefined
  return {
    path: `the variable ${captured.map((name) => `"${name}"`).join(", ")}`,
    reason:
      "the function takes it from outside, and only its own source travels. Give it as an argument, or define the task in a tasks module"
  }
}

/** Tells why a function's source cannot travel; undefined when it can. */
export const check = (source: string): Refusal | undefined => {
  if (!checked.has(source)) checked.set(source, find(source))
  return checked.get(source)
}
