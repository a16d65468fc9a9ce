package jenkins

import org.codehaus.groovy.control.CompilerConfiguration
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * Runs a declarative Jenkinsfile in the order in which Jenkins' own model interpreter does, with every step recorded
 * and none carried out. It is an interpreter of the syntax, not Jenkins: branches of `parallel` run one after another.
 */
class Run {

    private static final List<String> WORSE = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'ABORTED']

    final Build build
    final Environment environment
    final List<Event> events = []
    final List<String> ran = []
    /** stage -> why: 'when', 'failure' or 'failFast' */
    final Map<String, String> skipped = [:]
    final List<String> pods = []
    final Map<String, String> stageResults = [:]
    final Map<String, Boolean> parameters = [:]
    final List<Map> triggers = []
    Pipeline pipeline
    String result = 'SUCCESS'
    boolean keepLog
    String description

    private final List<String> stack = []
    private final List<Integer> timeouts = []
    private String agent
    private Steps steps
    private Script script

    Run(Build build) {
        this.build = build
        environment = new Environment(build)
    }

    static Run of(File file, Build build) { return of(file.name, file.text, build) }

    static Run of(String name, String text, Build build) {
        SourceRules.check(name, text)
        Run run = new Run(build)
        run.steps = new Steps(run)
        run.script = new GroovyShell(Run.classLoader, new Binding(), new CompilerConfiguration(scriptBaseClass: JenkinsScript.name)).parse(text, name)
        ((JenkinsScript) run.script).attach(run)
        run.script.run()
        return run
    }

    String getStage() { return stack ? stack[-1] : null }

    List<String> commands(String stage = null) { return events.findAll { it.step == 'sh' && (!stage || it.stage == stage) }*.command }

    List<Event> of(String step) { return events.findAll { it.step == step } }

    /** Steps, expressions: run against the script, whatever section they were written in. */
    Object evaluate(Closure body) { return body.rehydrate(script, script, script).call() }

    void execute(Closure block) {
        pipeline = (Pipeline) new Pipeline().read(block)
        Closure scope = { String name -> script.getProperty(name) }
        if (pipeline.triggers) { triggers.addAll(((Rows) new Rows('triggers', Known.TRIGGERS, scope).read(pipeline.triggers)).all) }
        if (pipeline.parameters) {
            ((Rows) new Rows('parameters', Known.PARAMETERS).read(pipeline.parameters)).all.each {
                parameters[(String) it.name] = build.parameters.containsKey(it.name) ? build.parameters[(String) it.name] : (boolean) it.defaultValue
            }
        }
        Throwable error = attempt {
            onAgent(pipeline.agent) {
                environment.withBlock(pipeline.environment, scope) {
                    wrapped(pipeline.options) {
                        Throwable first = sequence(pipeline.children.list, null)
                        first = afterwards(pipeline.post, first, null)
                        if (first) { throw first }
                    }
                }
            }
        }
        result = worst(result, resultOf(error))
    }

    // -- stages, in the order of Jenkins' ModelInterpreter ------------------------------------------------------------

    private Throwable sequence(List<Stage> stages, Throwable before) {
        Throwable first = before
        stages.each { Stage one ->
            if (first) { skip(one, 'failure') } else { first = attempt { single(one) } }
        }
        return first
    }

    private void single(Stage stage) {
        stack << stage.name
        try {
            boolean early = stage.when?.beforeAgent
            if (early && !stage.when.holds(this)) { skip(stage, 'when'); return }
            Throwable error = attempt {
                wrapped(stage.options) {
                    onAgent(stage.agent) {
                        if (stage.when && !early && !stage.when.holds(this)) { skip(stage, 'when'); return }
                        ran << stage.name
                        environment.withBlock(stage.environment, { String name -> script.getProperty(name) }) {
                            Throwable inner = stage.parallel ? branches(stage) : stage.children ? sequence(stage.children.list, null)
                                : attempt { evaluate(stage.steps) }
                            inner = afterwards(stage.post, inner, stage.name)
                            if (inner) { throw inner }
                        }
                    }
                }
            }
            stageResults[stage.name] = worst(stageResults[stage.name] ?: 'SUCCESS', resultOf(error))
            if (error) { throw error }
        } finally {
            stack.removeAt(stack.size() - 1)
        }
    }

    private Throwable branches(Stage stage) {
        Throwable first = null
        (build.branchesInReverse ? stage.children.list.reverse() : stage.children.list).each { Stage one ->
            if (first && stage.failFast) {
                skip(one, 'failFast')
            } else {
                Throwable error = attempt { single(one) }
                first = first ?: error
            }
        }
        return first
    }

    private void skip(Stage stage, String reason) {
        skipped[stage.name] = reason
        stage.children?.list?.each { skip(it, reason) }
    }

    private Throwable afterwards(Post post, Throwable before, String stage) {
        Throwable error = before
        Post.ORDER.findAll { post?.conditions?.containsKey(it) }.each { String condition ->
            String now = worst(worst(result, resultOf(error)), stage ? stageResults[stage] ?: 'SUCCESS' : 'SUCCESS')
            if (meets(condition, now)) {
                Throwable own = attempt { evaluate(post.conditions[condition]) }
                error = error ?: own
            }
        }
        return error
    }

    private boolean meets(String condition, String now) {
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'changed': return build.previousResult == null || now != build.previousResult
            case 'fixed': return now == 'SUCCESS' && build.previousResult in ['FAILURE', 'UNSTABLE']
            case 'regression': return build.previousResult != null && WORSE.indexOf(now) > WORSE.indexOf(build.previousResult)
            case 'unsuccessful': return now != 'SUCCESS'
            default: return now == condition.toUpperCase()
        }
    }

    // -- what surrounds steps -----------------------------------------------------------------------------------------

    private void onAgent(Agent wanted, Closure block) {
        if (!wanted) { block(); return }
        List<String> containers = build.templates[wanted.template]
        if (containers == null) { throw new Refused("${wanted.where}: no pod template '${wanted.template}' in casc.yaml, which has ${build.templates.keySet()}") }
        if (!(wanted.container in containers)) {
            throw new Refused("${wanted.where}: the pod template has containers $containers, got '${wanted.container}'")
        }
        String outer = agent
        agent = wanted.template
        environment.onAgent = true
        pods << "${stage ?: 'pipeline'}: $agent".toString()
        try {
            environment.layered([GIT_COMMIT: '0f' * 20], block)
        } finally {
            agent = outer
            environment.onAgent = outer != null
        }
    }

    private void wrapped(Map<String, Map> options, Closure block) {
        Closure inner = block
        if (options.retry) { Closure body = inner; inner = { steps.retry(options.retry.count as int, body) } }
        if (options.timeout) { Closure body = inner; inner = { timed(options.timeout, body) } }
        inner()
    }

    Object timed(Map arguments, Closure block) {
        Integer minutes = [MINUTES: 1, HOURS: 60].get(arguments.unit ?: 'MINUTES')
        if (!minutes) { throw new Refused("timeout: the unit is MINUTES or HOURS, got ${arguments.unit}") }
        timeouts << minutes * (arguments.time as int)
        try {
            return block()
        } finally {
            timeouts.removeAt(timeouts.size() - 1)
        }
    }

    /** Remembers a step; those that need an agent are refused without one. */
    Event record(String step, Map<String, Object> arguments) {
        if (Known.STEPS[step].agent && !agent) { throw new Refused("'$step' needs an agent, and stage '${stage}' has none here") }
        Event event = new Event(stage: stage, step: step, arguments: arguments, environment: environment.visible(), agent: agent, minutes: timeouts.min())
        events << event
        return event
    }

    Object step(String name, List arguments) { return steps.call(name, arguments) }

    // -- results ------------------------------------------------------------------------------------------------------

    static Throwable attempt(Closure block) {
        try {
            block()
            return null
        } catch (StepFailed | FlowInterruptedException error) {
            return error
        }
    }

    static String resultOf(Throwable error) { return error == null ? 'SUCCESS' : error instanceof FlowInterruptedException ? 'ABORTED' : 'FAILURE' }

    static String worst(String one, String other) { return WORSE.indexOf(one) >= WORSE.indexOf(other) ? one : other }

    void worsen(String to) {
        if (!(to in WORSE)) { throw new Refused("a result is one of $WORSE, got '$to'") }
        result = worst(result, to)
    }

    void worsenStage(String to) {
        if (!(to in WORSE)) { throw new Refused("a result is one of $WORSE, got '$to'") }
        if (stage) { stageResults[stage] = worst(stageResults[stage] ?: 'SUCCESS', to) }
    }

}
