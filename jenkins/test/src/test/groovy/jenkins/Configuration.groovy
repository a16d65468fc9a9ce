package jenkins

import org.yaml.snakeyaml.Yaml

/** What the files beside the Jenkinsfile declare: credentials, variables, pods, plugins, make targets. */
class Configuration {

    static final File ROOT = new File('.').canonicalFile
    static final File JENKINSFILE = new File(ROOT, 'Jenkinsfile')
    private static final String BAKED = '/usr/share/jenkins/wayfare/'

    static String text(String path) { return new File(ROOT, path).text }

    static Map casc() { return (Map) new Yaml().load(text('jenkins/casc.yaml')) }

    /** id -> its declaration */
    static Map<String, Map> credentials() {
        return casc().credentials.system.domainCredentials.collectMany { it.credentials }.collectEntries { Map one ->
            [(one.values()[0].id): [kind: one.keySet()[0]] + one.values()[0]]
        }
    }

    static Map<String, String> globals() {
        return casc().jenkins.globalNodeProperties.collectMany { it.envVars.env }.collectEntries { [(it.key): it.value] }
    }

    /** pod template -> its pod, as the image of the controller carries it */
    static Map<String, Map> pods() {
        return casc().jenkins.clouds[0].kubernetes.templates.collectEntries { Map template ->
            String file = (template.yaml =~ /^\$\{readFile:${BAKED}([\w.-]+)}$/)[0][1]
            [(template.name): (Map) new Yaml().load(text("jenkins/$file"))]
        }
    }

    static Map<String, List<String>> containers() {
        return pods().collectEntries { String name, Map pod -> [(name): pod.spec.containers*.name] }
    }

    /** plugin -> version */
    static Map<String, String> plugins() {
        return text('jenkins/plugins.txt').readLines().findAll { it && !it.startsWith('#') }.collectEntries { it.split(':', 2) as List }
    }

    static Set<String> makeTargets() {
        return text('Makefile').readLines().findAll { it ==~ /[a-z-]+:.*##.*/ }.collect { it.takeWhile { it != ':' } } as Set
    }

    /** A build of this repository; `more` says what differs. */
    static Build build(Build build, Map more = [:]) {
        build.credentials = credentials().keySet()
        build.globals = globals()
        build.templates = containers()
        more.each { key, value -> build[(String) key] = value }
        return build
    }

    static Run pullRequest(Map more = [:]) { return Run.of(JENKINSFILE, build(Build.pullRequest('7'), more)) }

    static Run main(Map more = [:]) { return Run.of(JENKINSFILE, build(new Build(), more)) }

    static Run nightly(Map more = [:]) { return Run.of(JENKINSFILE, build(Build.nightly(), more)) }

}
