/** Small changes of a source file, each of which some test should notice. */
import ts from 'typescript';

/** A change, by positions in UTF-16 units of the text. */
export interface Mutant {
  start: number;
  end: number;
  replacement: string;
}

const { SyntaxKind: kinds } = ts;

const operators = new Map<ts.SyntaxKind, string>([
  [kinds.LessThanToken, '<='],
  [kinds.LessThanEqualsToken, '<'],
  [kinds.GreaterThanToken, '>='],
  [kinds.GreaterThanEqualsToken, '>'],
  [kinds.EqualsEqualsEqualsToken, '!=='],
  [kinds.ExclamationEqualsEqualsToken, '==='],
  [kinds.AmpersandAmpersandToken, '||'],
  [kinds.BarBarToken, '&&'],
  [kinds.QuestionQuestionToken, '&&'],
  [kinds.PlusToken, '-'],
  [kinds.MinusToken, '+'],
  [kinds.AsteriskToken, '/'],
  [kinds.SlashToken, '*'],
  [kinds.PlusEqualsToken, '-='],
  [kinds.MinusEqualsToken, '+='],
]);

const methods = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['min', 'max'],
  ['max', 'min'],
  ['find', 'findLast'],
  ['findLast', 'find'],
]);

/** Methods without which their object may do as well. */
const dispensable = new Set(['filter', 'reverse', 'slice', 'sort', 'toReversed', 'toSorted', 'toWellFormed', 'trim']);

/** Numbers that may be bounds become infinite, conditions are turned and fixed, calls left out. What only types or loads is left alone. */
export function mutantsOf(text: string): Mutant[] {
  const source = ts.createSourceFile('mutated.ts', text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const replace = (node: ts.Node, ...replacements: string[]): void => {
    const start = node.getStart(source);
    for (const replacement of replacements) mutants.push({ start, end: node.end, replacement });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const operator = operators.get(node.operatorToken.kind);
      if (operator !== undefined) replace(node.operatorToken, operator);
    }
    if (ts.isIfStatement(node)) replace(node.expression, 'true', 'false');
    if (ts.isConditionalExpression(node)) replace(node.condition, 'true', 'false');
    if (ts.isPrefixUnaryExpression(node) && node.operator === kinds.ExclamationToken) {
      replace(node, node.operand.getText(source));
    }
    if (ts.isNumericLiteral(node)) replace(node, Number(node.text) > 2 ? 'Infinity' : `${Number(node.text) + 1}`);
    if (ts.isStringLiteral(node) && node.text !== '') replace(node, "''");
    if (node.kind === kinds.TrueKeyword) replace(node, 'false');
    if (node.kind === kinds.FalseKeyword) replace(node, 'true');
    if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) replace(node, '[]');
    if (ts.isExpressionStatement(node)) replace(node, ';');
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { name, expression } = node.expression;
      const other = methods.get(name.text);
      if (other !== undefined) replace(name, other);
      if (dispensable.has(name.text)) replace(node, expression.getText(source));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}
