package jenkins

/** Variables as Jenkins layers them: `environment` blocks and bindings over what a script sets over Jenkins' own. */
class Environment {

    /** Known to Jenkins, though not everywhere there. */
    private static final Set<String> SOMETIMES = ['CHANGE_ID', 'CHANGE_FORK', 'CHANGE_TARGET', 'GIT_COMMIT']
    private final Map<String, String> own
    private final Map<String, String> globals
    private final Map<String, String> fromScripts = [:]
    private final List<Map<String, String>> layers = []
    /** Variables that the configuration of Jenkins declares are those of its nodes. */
    boolean onAgent

    Environment(Build build) {
        own = build.ownVariables()
        globals = build.globals
    }

    String lookup(String name) {
        for (Map<String, String> layer : layers.reverse() + [fromScripts, onAgent ? globals : [:], own]) {
            if (layer.get(name) != null) { return layer[name] }
        }
        if (name in SOMETIMES) { return null }
        if (globals.containsKey(name)) { throw new Refused("environment variable '$name' comes with an agent, and there is none here") }
        throw new Refused("environment variable '$name' is declared nowhere: not in the Jenkinsfile, nor among Jenkins' own, nor in casc.yaml")
    }

    void setFromScript(String name, String value) {
        if (layers.any { it.containsKey(name) }) { throw new Refused("env.$name: an `environment` block sets it too, which would win") }
        fromScripts[name] = value
    }

    Object layered(Map<String, String> layer, Closure block) {
        layers << layer
        try {
            return block()
        } finally {
            layers.removeAt(layers.size() - 1)
        }
    }

    /** Of an `environment` block: each line sees those before it. */
    Object withBlock(Closure lines, Closure scope, Closure block) {
        if (!lines) { return block() }
        Map<String, String> layer = [:]
        return layered(layer) {
            Section.within(lines, new EnvironmentLines(layer, scope))
            block()
        }
    }

    Map<String, String> visible() {
        Map<String, String> all = [:]
        ([fromScripts] + layers).each { all.putAll(it) }
        return all
    }

}

/** The lines of an `environment` block. */
class EnvironmentLines {

    private final Map<String, String> layer
    private final Closure scope

    EnvironmentLines(Map<String, String> layer, Closure scope) {
        this.layer = layer
        this.scope = scope
    }

    void setProperty(String name, Object value) {
        List parts = value instanceof GString ? value.values as List : [value]
        if (parts.any { it == null }) { throw new Refused("environment: a part of $name is not set here, got $value") }
        layer[name] = value.toString()
    }

    Object getProperty(String name) { return scope(name) }

    def methodMissing(String name, arguments) { throw new Refused("environment: unknown '$name'") }

}
