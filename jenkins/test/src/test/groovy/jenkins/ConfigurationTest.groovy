package jenkins

import static jenkins.Configuration.main
import static jenkins.Configuration.nightly
import static jenkins.Configuration.pullRequest
import static jenkins.Configuration.text
import static org.junit.jupiter.api.Assertions.assertEquals
import static org.junit.jupiter.api.Assertions.assertNotNull
import static org.junit.jupiter.api.Assertions.assertTrue

import org.codehaus.groovy.control.CompilerConfiguration
import org.junit.jupiter.api.Test

/** The Jenkinsfile and what stands beside it agree. */
class ConfigurationTest {

    /** Runs that together reach every stage. */
    private static final List<Run> RUNS = [pullRequest(), main(answer: 'approve'), nightly(files: ['build/release/bench/results.json'] as Set)]

    private static List<Event> everyStep() { return RUNS.collectMany { it.events } }

    @Test
    void 'these runs reach every stage'() {
        Set<String> reached = RUNS.collectMany { it.ran } as Set
        assertEquals(RUNS[0].pipeline.everyStage()*.name as Set, reached)
    }

    @Test
    void 'every command is a make target that exists, with plain arguments'() {
        everyStep().findAll { it.step == 'sh' }.each {
            assertTrue(it.command ==~ /make [a-z-]+( [a-z-]+)*( ARGS=[\w.\/=-]+)?/, it.command)
            List<String> targets = it.command.split(' ').drop(1).findAll { !it.contains('=') }
            assertEquals([], targets - Configuration.makeTargets(), it.command)
        }
    }

    @Test
    void 'no secret stands in a command, nor in what is printed or published'() {
        everyStep().each {
            assertTrue(!it.arguments.findAll { it.key != 'bindings' }.toString().contains('secret of'), it.step)
        }
    }

    @Test
    void 'every step has a timeout well below that of the build'() {
        everyStep().findAll { Known.STEPS[it.step].agent }.each { assertTrue(it.minutes <= 180, "${it.stage}: ${it.step} has ${it.minutes} minutes") }
        assertEquals([time: 12, unit: 'HOURS'], RUNS[0].pipeline.options.timeout)
    }

    @Test
    void 'builds of one branch never overlap'() {
        assertNotNull(RUNS[0].pipeline.options.disableConcurrentBuilds)
    }

    @Test
    void 'every credential that is declared is used, and every one that is used is declared'() {
        Set<String> used = everyStep().findAll { it.step == 'withCredentials' }.collectMany { it.arguments.bindings*.arguments*.credentialsId } as Set
        used << (text('jenkins/job.groovy') =~ /credentialsId\('([^']+)'\)/)[0][1]
        assertEquals(Configuration.credentials().keySet(), used)
    }

    @Test
    void 'every variable that Jenkins declares is used'() {
        Configuration.globals().keySet().each { assertTrue((text('Jenkinsfile') =~ /\benv\.${it}\b/).find(), it) }
    }

    @Test
    void 'whoever may approve is a user of Jenkins'() {
        List<String> users = Configuration.casc().jenkins.securityRealm.local.users*.id
        everyStep().findAll { it.step == 'input' }.each { assertTrue(it.arguments.submitter in users, it.arguments.submitter) }
    }

    @Test
    void 'every step and option belongs to a plugin that is pinned'() {
        Pipeline pipeline = RUNS[0].pipeline
        List<Known> used = everyStep()*.step.unique().collect { Known.STEPS[it] } + pipeline.options.keySet().collect { Known.PIPELINE_OPTIONS[it] } +
            Known.SYMBOLS.values() + Known.AGENT.values()
        assertEquals([] as Set, (used*.plugin.findAll() as Set) - Configuration.plugins().keySet())
    }

    @Test
    void 'the interpreter knows no step that the Jenkinsfile has no use for'() {
        assertEquals([], Known.STEPS.keySet().findAll { !(text('Jenkinsfile') =~ /\b$it\b/) } as List)
    }

    @Test
    void 'the job is written in words that its plugins know'() {
        JobScript job = (JobScript) new GroovyShell(new Binding(REPOSITORY_OWNER: 'example', REPOSITORY: 'wayfare'),
                                                    new CompilerConfiguration(scriptBaseClass: JobScript.name)).parse(text('jenkins/job.groovy'))
        job.run()
        assertEquals(['Jenkinsfile'], job.given['multibranchPipelineJob.factory.workflowBranchProjectFactory.scriptPath'])
        String github = 'multibranchPipelineJob.branchSources.branchSource.source.github'
        assertEquals(['example', 'wayfare', 'wayfare-github-app'], ['repoOwner', 'repository', 'credentialsId'].collect { job.given["${github}.$it".toString()][0] })
        assertTrue(job.given.containsKey("${github}.traits.gitHubForkDiscovery.trust.gitHubTrustPermissions".toString()), 'a fork must not bring its own Jenkinsfile')
        assertEquals(['REPOSITORY_OWNER', 'REPOSITORY'] as Set, Configuration.casc().jobs[0].providedEnv.keySet())
    }

}
