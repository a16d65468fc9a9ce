package jenkins

import static jenkins.Configuration.main
import static jenkins.Configuration.nightly
import static org.junit.jupiter.api.Assertions.assertEquals

import org.junit.jupiter.api.Test

class NightlyTest {

    private static final Map RELEASED = [files: ['build/release/bench/results.json'] as Set]
    private static final List<String> COMMANDS = ['make bench', 'make bench-compare ARGS=build/release/bench/results.json', 'make audit']

    @Test
    void 'measures against the last release and audits the dependencies'() {
        Run run = nightly(RELEASED)
        assertEquals(COMMANDS, run.commands())
        assertEquals(['Nightly', 'Bench', 'Audit'], run.ran)
        assertEquals(['Bench: wayfare-build', 'Audit: wayfare-build'], run.pods)
        assertEquals('SUCCESS', run.result)
        assertEquals([], run.of('withCredentials'))
        Map copied = run.of('copyArtifacts')[0].arguments
        assertEquals(['wayfare/main', 'latestSavedBuild', 'bench/results.json', 'build/release'],
                     [copied.projectName, copied.selector.name, copied.filter, copied.target])
    }

    @Test
    void 'is unstable while there is no release to compare with: unknown is not good'() {
        Run run = nightly()
        assertEquals(['make bench', 'make audit'], run.commands())
        assertEquals('UNSTABLE', run.result)
    }

    @Test
    void 'fails when it is slower than the release, and audits all the same'() {
        Run run = nightly(RELEASED + [endings: ['make bench-compare': 'fail']])
        assertEquals(COMMANDS, run.commands())
        assertEquals('FAILURE', run.result)
    }

    @Test
    void 'fails when a dependency has a known vulnerability, and measures all the same'() {
        Run run = nightly(RELEASED + [endings: ['make audit': 'fail'], branchesInReverse: true])
        assertEquals(['make audit', 'make bench', 'make bench-compare ARGS=build/release/bench/results.json'], run.commands())
        assertEquals('FAILURE', run.result)
    }

    @Test
    void 'whose dependencies could not be checked fails, or is unstable where that is set, and never passes'() {
        Set files = RELEASED.files + 'build/not-checked/audit'
        [fail: 'FAILURE', unstable: 'UNSTABLE'].each { String setting, String result ->
            Run run = nightly(files: files, globals: Configuration.globals() + [WAYFARE_NOT_CHECKED: setting])
            assertEquals([result, COMMANDS], [run.result, run.commands()])
        }
    }

    @Test
    void 'is aborted when a benchmark hangs'() {
        Run run = nightly(endings: ['make bench': 'hang'])
        assertEquals(['ABORTED', ['make bench', 'make audit']], [run.result, run.commands()])
    }

    @Test
    void 'runs by the clock on main, or when somebody asks for it there'() {
        assertEquals([[kind: 'cron', spec: 'H 2 * * *']], nightly().triggers)
        assertEquals(COMMANDS, main(RELEASED + [cause: 'UserIdCause', parameters: [NIGHTLY: true]]).commands())
    }

}
