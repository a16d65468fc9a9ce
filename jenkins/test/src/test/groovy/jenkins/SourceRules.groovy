package jenkins

import org.codehaus.groovy.ast.ASTNode
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.Expression
import org.codehaus.groovy.ast.expr.MapExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.control.CompilePhase

/**
 * What can be seen without running anything, so also in steps that no run of the tests reaches:
 * only known steps with known arguments; outside `script` nothing but steps; `sh` takes a literal, so that Groovy
 * can never write a secret into a command.
 */
class SourceRules extends CodeVisitorSupport {

    private final String file

    SourceRules(String file) {
        this.file = file
    }

    static void check(String file, String text) {
        List<ASTNode> nodes = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text)
        List<Statement> statements = ((BlockStatement) nodes[0]).statements
        if (nodes.size() > 1 && nodes[1].methods.any { !(it.name in ['main', 'run']) }) {
            throw new Refused("$file: methods beside `pipeline` are refused: logic belongs into make targets")
        }
        if (statements.size() != 1 || callOf(statements[0])?.methodAsString != 'pipeline') {
            throw new Refused("$file: one `pipeline { }` and nothing else is expected, got ${statements.size()} statements")
        }
        statements[0].visit(new SourceRules(file))
    }

    static MethodCallExpression callOf(Statement statement) {
        Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
        return expression instanceof MethodCallExpression && expression.implicitThis ? expression : null
    }

    @Override
    void visitMethodCallExpression(MethodCallExpression call) {
        switch (call.methodAsString) {
            case 'steps':
                body(closureOf(call), false)
                break
            case 'post':
                closureOf(call).code.statements.each { Statement condition -> body(closureOf(callOf(condition)), false) }
                break
            default:
                super.visitMethodCallExpression(call)
        }
    }

    private void body(ClosureExpression closure, boolean inScript) {
        closure.code.statements.each { Statement statement ->
            MethodCallExpression call = callOf(statement)
            if (call) {
                step(call, inScript)
            } else if (inScript) {
                statement.visit(new InScript(this))
            } else {
                refuse(statement, "only steps may stand here, got `${statement.text}`; Groovy belongs into `script`")
            }
        }
    }

    void step(MethodCallExpression call, boolean inScript) {
        String name = call.methodAsString
        Known known = Known.STEPS[name]
        if (!known) { refuse(call, "unknown step '$name'; known are ${Known.STEPS.keySet().sort()}") }
        List<Expression> arguments = argumentsOf(call)
        ClosureExpression block = (ClosureExpression) arguments.find { it instanceof ClosureExpression }
        if (known.block != (block != null)) { refuse(call, "'$name' ${known.block ? 'needs' : 'takes no'} block") }
        Map<String, Expression> given = named(call, known, arguments - block)
        if (name == 'sh' && !literal(given.script)) {
            refuse(call, "`sh` takes a literal in single quotes, got `${given.script.text}`: let the shell read the environment")
        }
        given.values().each { symbols(it) }
        if (block) { body(block, inScript || name == 'script') }
    }

    private Map<String, Expression> named(MethodCallExpression call, Known known, List<Expression> arguments) {
        Map<String, Expression> given = [:]
        arguments.each { Expression argument ->
            if (argument instanceof MapExpression) {
                argument.mapEntryExpressions.each { given[it.keyExpression.text] = it.valueExpression }
            } else {
                given[known.sole ?: refuse(call, "'${call.methodAsString}' takes named arguments only")] = argument
            }
        }
        try {
            known.refuseOthers(call.methodAsString, given.keySet())
        } catch (Refused refused) {
            refuse(call, refused.message)
        }
        return given
    }

    private void symbols(Expression expression) {
        SourceRules rules = this
        expression.visit(new CodeVisitorSupport() {
            @Override
            void visitMethodCallExpression(MethodCallExpression call) {
                if (!call.implicitThis) { return }
                Known known = Known.SYMBOLS[call.methodAsString] ?:
                    rules.refuse(call, "unknown '${call.methodAsString}'; known are ${Known.SYMBOLS.keySet().sort()}")
                rules.named(call, known, argumentsOf(call))
            }
        })
    }

    static ClosureExpression closureOf(MethodCallExpression call) {
        return (ClosureExpression) argumentsOf(call).find { it instanceof ClosureExpression }
    }

    static List<Expression> argumentsOf(MethodCallExpression call) {
        return call.arguments instanceof TupleExpression ? ((TupleExpression) call.arguments).expressions : [call.arguments]
    }

    static boolean literal(Expression expression) {
        return expression instanceof ConstantExpression && expression.value instanceof String
    }

    def refuse(ASTNode at, String message) {
        throw new Refused("$file:${at.lineNumber}: $message")
    }

    /** Groovy of a `script` block: free, but what it calls by a bare name must be a known step. */
    static class InScript extends CodeVisitorSupport {

        private final SourceRules rules

        InScript(SourceRules rules) {
            this.rules = rules
        }

        @Override
        void visitMethodCallExpression(MethodCallExpression call) {
            if (call.implicitThis) { rules.step(call, true) } else { super.visitMethodCallExpression(call) }
        }

    }

}
