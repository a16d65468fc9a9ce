package jenkins

import static jenkins.Configuration.pullRequest
import static org.junit.jupiter.api.Assertions.assertEquals
import static org.junit.jupiter.api.Assertions.assertFalse
import static org.junit.jupiter.api.Assertions.assertNull
import static org.junit.jupiter.api.Assertions.assertTrue

import org.junit.jupiter.api.Test

class PullRequestTest {

    static final List<String> VERIFY = [
        'make setup tools', 'make check', 'make test ARGS=--junitxml=build/reports/tests.xml', 'make charts', 'make test-jenkins',
        'make images', 'make scan', 'make test-images ARGS=--junitxml=build/reports/images.xml',
    ]
    private static final List<String> PREVIEW = ['make preview ARGS=up', 'make deploy', 'make preview ARGS=smoke', 'make preview ARGS=down']

    @Test
    void 'is checked, tested, scanned, previewed in a namespace of its own and reported'() {
        Run run = pullRequest()
        assertEquals(VERIFY + ['make publish-images'] + PREVIEW, run.commands())
        assertEquals('SUCCESS', run.result)
        assertEquals(['Change', 'Prepare', 'Verify', 'Code', 'Check', 'Test', 'Charts', 'Jenkinsfile', 'Images', 'Build', 'Scan', 'Start',
                      'Publish', 'Publish images', 'Preview'], run.ran)
        assertEquals(['Publish chart', 'Staging', 'Release', 'Approve', 'Promote', 'Figures of the release', 'Nightly', 'Bench', 'Audit'] as Set,
                     run.skipped.keySet())
        assertEquals(['Change: wayfare-build'], run.pods)
        assertEquals([[name: 'Wayfare', title: 'Everything passed', conclusion: 'SUCCESS']], run.of('publishChecks')*.arguments)
        run.of('sh').findAll { it.stage == 'Preview' }.each {
            assertEquals(['trial', 'wayfare-pr-7', '0f' * 20], [it.environment.ENVIRONMENT, it.environment.NAMESPACE, it.environment.TAG])
            assertEquals('secret of wayfare-preview-cluster', it.environment.KUBECONFIG)
        }
    }

    @Test
    void 'from a fork is built and tested, and meets no credential'() {
        Run run = pullRequest(fork: 'stranger')
        assertEquals(VERIFY, run.commands())
        assertEquals([], run.of('withCredentials'))
        assertEquals('SUCCESS', run.of('publishChecks')[0].arguments.conclusion)
    }

    @Test
    void 'with a failing test publishes and deploys nothing, and says so'() {
        Run run = pullRequest(endings: ['Test: make test': 'fail'])
        assertEquals(['make setup tools', 'make check', 'make test ARGS=--junitxml=build/reports/tests.xml'], run.commands())
        assertEquals(['build/reports/tests.xml'], run.of('junit')*.arguments*.testResults)
        assertEquals('FAILURE', run.result)
        assertEquals(['FAILURE'], run.of('publishChecks')*.arguments*.conclusion)
        assertEquals('failFast', run.skipped['Images'])
    }

    @Test
    void 'stops at the first failing branch, whichever is quickest'() {
        Run run = pullRequest(endings: ['make scan': 'fail'], branchesInReverse: true)
        assertEquals(['make setup tools', 'make images', 'make scan'], run.commands())
        assertEquals('failFast', run.skipped['Test'])
    }

    @Test
    void 'whose images could not be checked fails, or is unstable where that is set, and never passes'() {
        Map unknown = [files: ['build/not-checked/scan'] as Set]
        [fail: 'FAILURE', unstable: 'UNSTABLE', anything: 'FAILURE'].each { String setting, String result ->
            Run run = pullRequest(unknown + [globals: Configuration.globals() + [WAYFARE_NOT_CHECKED: setting]])
            assertEquals(result, run.result)
            assertEquals(result == 'UNSTABLE', 'make publish-images' in run.commands())
            assertEquals('record', run.of('sh').find { it.command == 'make scan' }.environment.NOT_CHECKED)
        }
    }

    @Test
    void 'deletes its preview when the smoke test fails, when it hangs and when somebody stops the build'() {
        [fail: 'FAILURE', hang: 'ABORTED', abort: 'ABORTED'].each { String ending, String result ->
            Run run = pullRequest(endings: ['make preview ARGS=smoke': ending])
            assertEquals(PREVIEW, run.commands('Preview'))
            assertEquals(result, run.result)
            assertEquals([result == 'FAILURE' ? 'FAILURE' : 'CANCELED'], run.of('publishChecks')*.arguments*.conclusion)
        }
    }

    @Test
    void 'deletes its preview when that could not be made, and tries three times'() {
        Run run = pullRequest(endings: ['make preview ARGS=up': 'fail', 'make preview ARGS=down': 'fail'])
        assertEquals(['make preview ARGS=up'] + ['make preview ARGS=down'] * 3, run.commands('Preview'))
    }

    @Test
    void 'tries again what may be repeated: set-up and publishing'() {
        assertEquals(2, pullRequest(endings: ['make setup tools': 'fail']).commands().size())
        assertEquals(3, pullRequest(endings: ['make publish-images': 'fail']).commands('Publish images').size())
    }

    @Test
    void 'cannot ask for the nightly measurements instead of its checks'() {
        Run run = pullRequest(parameters: [NIGHTLY: true])
        assertTrue(run.commands().containsAll(VERIFY))
        assertFalse('make bench' in run.commands())
    }

    @Test
    void 'has no clock of its own'() {
        assertEquals([[kind: 'cron', spec: '']], pullRequest().triggers)
    }

    @Test
    void 'binds credentials for the steps that need them and no others'() {
        pullRequest().of('sh').each {
            boolean may = it.stage in ['Publish images', 'Preview']
            assertEquals(may, it.environment.values().any { it.startsWith('secret of') }, it.command)
        }
        assertNull(pullRequest().description)
    }

}
