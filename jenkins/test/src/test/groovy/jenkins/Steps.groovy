package jenkins

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** What each step does to the run. */
class Steps {

    private final Run run
    private final Set<Object> stashes = []

    Steps(Run run) {
        this.run = run
    }

    Object call(String name, List given) {
        if (Known.SYMBOLS[name]) { return new Symbol(name, given) }
        Known known = Known.STEPS[name]
        if (!known) { throw new Refused("unknown step '$name'") }
        Map<String, Object> arguments = known.arguments(name, given)
        Closure block = (Closure) given.find { it instanceof Closure }
        Event event = run.record(name, arguments)
        switch (name) {
            case 'sh': return sh(event)
            case 'error': throw new StepFailed((String) arguments.message)
            case 'unstable': run.worsen('UNSTABLE'); run.worsenStage('UNSTABLE'); return null
            case 'fileExists': return arguments.file in run.build.files
            case 'timeout': return run.timed(arguments, block)
            case 'retry': return retry(arguments.count as int, block)
            case 'catchError': return catchError(arguments, block)
            case 'withCredentials': return withCredentials((List<Symbol>) arguments.bindings, block)
            case 'input': return input(event)
            case 'stash': stashes << arguments.name; return null
            case 'unstash': return unstash(arguments.name)
            case 'copyArtifacts': return copyArtifacts(arguments)
            default: return block ? block() : null
        }
    }

    private Object sh(Event event) {
        (event.command =~ /\$\{?([A-Za-z_]\w*)/).collect { it[1] }.each { String name ->
            if (run.environment.lookup(name) == null) { throw new Refused("sh reads \$$name, which is not set in stage '${run.stage}'") }
        }
        if (event.minutes == null) { throw new Refused("`${event.command}` has no timeout around it") }
        run.build.run(run.stage, event.command)
        return null
    }

    Object retry(int count, Closure block) {
        for (int left = count - 1; ; left--) {
            try {
                return block()
            } catch (StepFailed failed) {
                if (left <= 0) { throw failed }
            }
        }
    }

    /** An interruption keeps its own result, whatever `buildResult` says: a refused `input` in here aborts the build. */
    private Object catchError(Map<String, Object> arguments, Closure block) {
        Throwable error = Run.attempt(block)
        if (error) {
            boolean interrupted = error instanceof FlowInterruptedException
            run.worsen(interrupted ? 'ABORTED' : (String) arguments.buildResult ?: 'FAILURE')
            run.worsenStage(interrupted ? 'ABORTED' : (String) arguments.stageResult ?: 'SUCCESS')
        }
        return null
    }

    private Object withCredentials(List<Symbol> bindings, Closure block) {
        Map<String, String> layer = [:]
        bindings*.arguments.each {
            if (!(it.credentialsId in run.build.credentials)) {
                throw new Refused("credential '${it.credentialsId}' is not declared in casc.yaml, which has ${run.build.credentials.sort()}")
            }
            layer[(String) it.variable] = "secret of ${it.credentialsId}".toString()
        }
        return run.environment.layered(layer, block)
    }

    private Object input(Event event) {
        if (event.minutes == null) { throw new Refused('`input` has no timeout around it: it would wait for ever') }
        switch (run.build.answer) {
            case 'approve': return null
            case 'refuse': throw new FlowInterruptedException('rejected')
            case 'timeout': throw new FlowInterruptedException('timeout has been exceeded')
            case 'abort': throw new FlowInterruptedException('aborted by a user')
            default: throw new IllegalStateException("this run asks for approval, and the test gives no answer, got ${run.build.answer}")
        }
    }

    private Object unstash(Object name) {
        if (!(name in stashes)) { throw new Refused("nothing was stashed as '$name', got $stashes") }
        return null
    }

    private Object copyArtifacts(Map<String, Object> arguments) {
        boolean there = "${arguments.target}/${arguments.filter}".toString() in run.build.files
        if (!there && !arguments.optional) { throw new StepFailed('no artifacts to copy') }
        return null
    }

}
