package jenkins

import static jenkins.Configuration.main
import static org.junit.jupiter.api.Assertions.assertEquals
import static org.junit.jupiter.api.Assertions.assertFalse
import static org.junit.jupiter.api.Assertions.assertTrue

import org.junit.jupiter.api.Test

class MainTest {

    private static final List<String> TO_STAGING = PullRequestTest.VERIFY + ['make publish-images', 'make publish-chart', 'make deploy', 'make smoke']

    @Test
    void 'is published, deployed to staging, and promoted once somebody has approved'() {
        Run run = main(answer: 'approve')
        assertEquals(TO_STAGING + ['make deploy', 'make smoke', 'make bench'], run.commands())
        assertEquals('SUCCESS', run.result)
        assertEquals(['Change: wayfare-build', 'Promote: wayfare-deploy', 'Figures of the release: wayfare-build'], run.pods)
        assertEquals(['Preview', 'Nightly', 'Bench', 'Audit'] as Set, run.skipped.keySet())
        Map<String, String> staging = run.of('sh').find { it.stage == 'Staging' }.environment
        Map<String, String> production = run.of('sh').find { it.stage == 'Promote' }.environment
        assertEquals(['staging', 'secret of wayfare-staging-cluster', 'secret of wayfare-staging-token'],
                     [staging.ENVIRONMENT, staging.KUBECONFIG, staging.TOKEN_FILE])
        assertEquals(['production', 'secret of wayfare-production-cluster', 'secret of wayfare-production-token'],
                     [production.ENVIRONMENT, production.KUBECONFIG, production.TOKEN_FILE])
        assertEquals(staging.TAG, production.TAG, 'what was tried is what is promoted')
        assertEquals([['Publish images', 'stash'], ['Promote', 'unstash']], run.events.findAll { it.arguments.name == 'digests' }.collect { [it.stage, it.step] })
        assertFalse(staging.PRICING_URL == production.PRICING_URL)
    }

    @Test
    void 'asks the release manager, holding no pod meanwhile, and not for ever'() {
        Event asked = main(answer: 'approve').of('input')[0]
        assertEquals(['release', null, 240], [asked.arguments.submitter, asked.agent, asked.minutes])
    }

    @Test
    void 'stays at staging, and stays green, when promotion is refused, not answered or stopped'() {
        ['refuse', 'timeout', 'abort'].each { String answer ->
            Run run = main(answer: answer)
            assertEquals(TO_STAGING, run.commands())
            assertEquals(['SUCCESS', 'SUCCESS', 'SUCCESS'], [run.result, run.stageResults.Staging, run.stageResults.Approve])
            assertEquals(['Change: wayfare-build'], run.pods)
            assertEquals('when', run.skipped.Promote)
            assertFalse(run.keepLog)
        }
    }

    @Test
    void 'is not asked for approval when staging fails'() {
        Run run = main(endings: ['Staging: make smoke': 'fail'])
        assertEquals(TO_STAGING, run.commands())
        assertEquals([], run.of('input'))
        assertEquals(['FAILURE', 'failure'], [run.result, run.skipped.Release])
    }

    @Test
    void 'deploys again after a failure, for a deployment may be repeated, and fails when that fails too'() {
        Run run = main(endings: ['Staging: make deploy': 'fail'])
        assertEquals(['make deploy', 'make deploy'], run.commands('Staging'))
        assertEquals('FAILURE', run.result)
    }

    @Test
    void 'fails when production does not price rides, and is no release then'() {
        Run run = main(answer: 'approve', endings: ['Promote: make smoke': 'fail'])
        assertEquals('FAILURE', run.result)
        assertEquals('failure', run.skipped['Figures of the release'])
        assertFalse(run.keepLog)
    }

    @Test
    void 'keeps the build of a release with its figures'() {
        Run run = main(answer: 'approve')
        assertEquals(['bench/results.json'], run.of('archiveArtifacts')*.arguments*.artifacts)
        assertTrue(run.keepLog)
        assertEquals('released ' + '0f' * 20, run.description)
    }

    @Test
    void 'without its figures is released all the same, and shows that they are missing'() {
        Run run = main(answer: 'approve', endings: ['make bench': 'fail'])
        assertEquals(['UNSTABLE', 'FAILURE'], [run.result, run.stageResults['Figures of the release']])
        assertFalse(run.keepLog)
        assertEquals(['NEUTRAL'], run.of('publishChecks')*.arguments*.conclusion)
    }

    @Test
    void 'publishes nothing when somebody stops it during the tests'() {
        Run run = main(endings: ['Test: make test': 'abort'])
        assertEquals('ABORTED', run.result)
        assertFalse(run.commands().any { it.startsWith('make publish') || it.startsWith('make deploy') })
    }

    @Test
    void 'publishes a chart whose version starts with that of the project'() {
        String version = (Configuration.text('pyproject.toml') =~ /(?m)^version = "(.*)"$/)[0][1]
        assertEquals("$version-main.42".toString(), main(answer: 'refuse').of('sh').find { it.stage == 'Publish chart' }.environment.VERSION)
    }

    @Test
    void 'other branches are verified and nothing more'() {
        assertEquals(PullRequestTest.VERIFY, main(branch: 'try-something').commands())
    }

}
