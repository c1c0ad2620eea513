import tseslint from 'typescript-eslint';

/** Imports go test → scripts → src, never back; what comes in and what goes out knows the domain, not the cluster. */
function forbidImports(files, ...folders) {
  const group = folders.map((folder) => `**/${folder}/**`);
  return { files, rules: { 'no-restricted-imports': ['error', { patterns: [{ group }] }] } };
}

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.tap/', '.cache/', 'generated/', 'test/**/fixtures/'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'variable', modifiers: ['destructured'], format: null },
        { selector: 'variable', modifiers: ['const', 'global'], format: ['camelCase'], leadingUnderscore: 'allow' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    // A test is run by tap, which reports what comes of it.
    files: ['test/**/*.test.ts'],
    rules: {
      // Tests run at the top level, before what stands below them has a value.
      '@typescript-eslint/no-use-before-define': ['error', { functions: false }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafePromises: [{ from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' }] },
      ],
    },
  },
  {
    // One style of tap.
    files: ['test/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportSpecifier[imported.name="test"]', message: "import t from 'tap', and use t.test" },
        { selector: 'MemberExpression[object.name="t"][property.name="after"]', message: 'use t.teardown' },
      ],
    },
  },
  {
    // Answers of the Kubernetes API are JSON, whose shape is what these tests assert.
    files: ['test/conformance/**', 'test/sandbox/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  forbidImports(['src/**'], 'scripts', 'test'),
  forbidImports(['src/!(kubernetes)/**'], 'scripts', 'test', 'kubernetes'),
  forbidImports(['src/containers/**'], 'scripts', 'test', 'kubernetes', 'http', 'events', 'registration', 'config'),
  forbidImports(['scripts/**'], 'test'),
  {
    files: ['eslint.config.js'],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
