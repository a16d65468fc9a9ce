package jenkins

/** The script that the Jenkinsfile becomes: what its bare names mean. */
abstract class JenkinsScript extends Script {

    private Run attached

    void attach(Run run) { attached = run }

    void pipeline(Closure block) { attached.execute(block) }

    @Override
    Object getProperty(String name) {
        switch (name) {
            case 'env': return new Variables(attached)
            case 'params': return new Parameters(attached)
            case 'currentBuild': return new CurrentBuild(attached)
            case ['metaClass', 'class', 'binding']: return super.getProperty(name)
            default: return attached.environment.lookup(name)
        }
    }

    @Override
    void setProperty(String name, Object value) {
        if (name in ['metaClass', 'binding']) { super.setProperty(name, value) } else { throw new Refused("a global variable '$name' is refused; declare it by `def`") }
    }

    def methodMissing(String name, arguments) { return attached.step(name, arguments as List) }

    static class Variables {

        private final Run attached

        Variables(Run run) { attached = run }

        Object getProperty(String name) { return attached.environment.lookup(name) }

        void setProperty(String name, Object value) { attached.environment.setFromScript(name, value.toString()) }

    }

    static class Parameters {

        private final Run attached

        Parameters(Run run) { attached = run }

        Object getProperty(String name) {
            if (!attached.parameters.containsKey(name)) { throw new Refused("parameter '$name' is not declared, declared are ${attached.parameters.keySet()}") }
            return attached.parameters[name]
        }

    }

    static class CurrentBuild {

        private final Run attached

        CurrentBuild(Run run) { attached = run }

        String getCurrentResult() { return attached.result }

        void setKeepLog(boolean keep) { attached.keepLog = keep }

        void setDescription(String text) { attached.description = text }

    }

}
