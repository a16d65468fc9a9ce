package jenkins

/** `name(argument: value)` as the value of an argument. */
class Symbol {

    final String name
    final Map<String, Object> arguments

    Symbol(String name, List<?> given) {
        this.name = name
        arguments = Known.SYMBOLS[name].arguments(name, given)
    }

    @Override
    String toString() { return "$name$arguments" }

}

/**
 * Every step, option, trigger and other symbol that the Jenkinsfile may use, and the plugin that brings it.
 * What is not listed is refused: adding a step means adding its row here and its plugin to plugins.txt.
 */
class Known {

    /** null where Jenkins itself brings it */
    String plugin
    /** the argument that may be given without its name */
    String sole
    List<String> named = []
    List<String> required = []
    boolean block
    /** runs on an agent only */
    boolean agent

    static final Map<String, Known> STEPS = [
        sh: new Known(plugin: 'workflow-durable-task-step', sole: 'script', named: ['script', 'label'], required: ['script'], agent: true),
        echo: new Known(plugin: 'workflow-basic-steps', sole: 'message', required: ['message']),
        error: new Known(plugin: 'workflow-basic-steps', sole: 'message', required: ['message']),
        unstable: new Known(plugin: 'workflow-basic-steps', sole: 'message', required: ['message']),
        fileExists: new Known(plugin: 'workflow-basic-steps', sole: 'file', required: ['file'], agent: true),
        catchError: new Known(plugin: 'workflow-basic-steps', named: ['buildResult', 'stageResult', 'message'], block: true),
        timeout: new Known(plugin: 'workflow-basic-steps', sole: 'time', named: ['time', 'unit'], required: ['time'], block: true),
        retry: new Known(plugin: 'workflow-basic-steps', sole: 'count', required: ['count'], block: true),
        withCredentials: new Known(plugin: 'credentials-binding', sole: 'bindings', required: ['bindings'], block: true),
        script: new Known(plugin: 'pipeline-model-definition', block: true),
        input: new Known(plugin: 'pipeline-input-step', sole: 'message', named: ['message', 'id', 'ok', 'submitter'], required: ['message', 'submitter']),
        junit: new Known(plugin: 'junit', sole: 'testResults', named: ['testResults', 'allowEmptyResults'], required: ['testResults'], agent: true),
        archiveArtifacts: new Known(plugin: 'workflow-basic-steps', sole: 'artifacts', named: ['artifacts', 'allowEmptyArchive', 'fingerprint'],
            required: ['artifacts'], agent: true),
        copyArtifacts: new Known(plugin: 'copyartifact', sole: 'projectName', named: ['projectName', 'selector', 'filter', 'target', 'optional'],
            required: ['projectName', 'selector'], agent: true),
        stash: new Known(plugin: 'workflow-basic-steps', sole: 'name', named: ['name', 'includes'], required: ['name', 'includes'], agent: true),
        unstash: new Known(plugin: 'workflow-basic-steps', sole: 'name', required: ['name'], agent: true),
        publishChecks: new Known(plugin: 'checks-api', named: ['name', 'title', 'summary', 'conclusion'], required: ['name', 'title', 'conclusion']),
    ]

    /** What stands in the arguments of steps. */
    static final Map<String, Known> SYMBOLS = [
        file: new Known(plugin: 'credentials-binding', named: ['credentialsId', 'variable'], required: ['credentialsId', 'variable']),
        latestSavedBuild: new Known(plugin: 'copyartifact'),
        logRotator: new Known(named: ['numToKeepStr', 'artifactNumToKeepStr', 'daysToKeepStr']),
    ]

    static final Map<String, Known> PIPELINE_OPTIONS = [
        timeout: STEPS.timeout,
        timestamps: new Known(plugin: 'timestamper'),
        preserveStashes: new Known(plugin: 'pipeline-model-definition', named: ['buildCount']),
        disableConcurrentBuilds: new Known(plugin: 'workflow-job', named: ['abortPrevious']),
        buildDiscarder: new Known(plugin: 'workflow-job', sole: 'strategy', required: ['strategy']),
    ]
    static final Map<String, Known> STAGE_OPTIONS = [timeout: STEPS.timeout, retry: STEPS.retry]
    static final Map<String, Known> TRIGGERS = [cron: new Known(sole: 'spec', required: ['spec'])]
    static final Map<String, Known> PARAMETERS = [
        booleanParam: new Known(named: ['name', 'defaultValue', 'description'], required: ['name', 'defaultValue', 'description']),
    ]
    static final Map<String, Known> AGENT = [
        inheritFrom: new Known(plugin: 'kubernetes', sole: 'template', required: ['template']),
        defaultContainer: new Known(plugin: 'kubernetes', sole: 'container', required: ['container']),
    ]

    /** The arguments of a call by their names; refuses what this one does not take. */
    Map<String, Object> arguments(String name, List<?> given) {
        Map<String, Object> all = [:]
        given.findAll { !(it instanceof Closure) }.each { value ->
            if (value instanceof Map) {
                all.putAll(value as Map)
            } else if (sole && !all.containsKey(sole)) {
                all[sole] = value
            } else {
                throw new Refused("'$name' takes no argument without a name here, got $value")
            }
        }
        refuseOthers(name, all.keySet())
        return all
    }

    void refuseOthers(String name, Collection<String> given) {
        List<String> allowed = (named + [sole]).findAll()
        given.each { if (!(it in allowed)) { throw new Refused("'$name' takes $allowed, got '$it'") } }
        required.each { if (!(it in given)) { throw new Refused("'$name' needs '$it', got ${given as List}") } }
    }

}
