package jenkins

import static org.junit.jupiter.api.Assertions.assertEquals
import static org.junit.jupiter.api.Assertions.assertThrows
import static org.junit.jupiter.api.Assertions.assertTrue

import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** The interpreter itself: what it refuses, and how results, branches and conditions come out. */
class InterpreterTest {

    private static Build build(Map more = [:]) {
        return new Build([templates: [small: ['tools']], credentials: ['known'] as Set, globals: [CITY: 'sf']] + more)
    }

    private static Run run(String pipeline, Map more = [:]) { return Run.of('Jenkinsfile', "pipeline {\n$pipeline\n}", build(more)) }

    /** One stage with an agent and a timeout. */
    private static String stage(String rest, String name = 'One') {
        return "stage('$name') { agent { kubernetes { inheritFrom 'small'; defaultContainer 'tools' } }; options { timeout(time: 5) }; $rest }"
    }

    private static String pipeline(String stages, String rest = '') { return "agent none\n$rest\nstages { $stages }" }

    private static String steps(String body) { return pipeline(stage("steps { $body }")) }

    /** the pipeline -> a part of the message */
    private static final Map<String, String> REFUSED = [
        (steps("sh 'make'; shh 'x'")): "unknown step 'shh'",
        (steps("sh script: 'make', returnStdout: true")): "got 'returnStdout'",
        (steps('sh "make ${CITY}"')): 'takes a literal',
        (steps("if (true) { sh 'make' }")): 'belongs into `script`',
        (steps("script { if (true) { shh 'make' } }")): "unknown step 'shh'",
        (steps("timeout(5)")): "'timeout' needs block",
        (steps("sh 'make \$NOWHERE'")): "'NOWHERE' is declared nowhere",
        (steps("echo env.NOWHERE")): "'NOWHERE' is declared nowhere",
        (steps("echo params.NOWHERE")): "parameter 'NOWHERE' is not declared",
        (steps("script { everywhere = 1 }")): "global variable 'everywhere'",
        (steps("withCredentials([file(credentialsId: 'unknown', variable: 'KEY')]) { sh 'make' }")): "credential 'unknown' is not declared",
        (steps("withCredentials([ssh(credentialsId: 'known', variable: 'KEY')]) { sh 'make' }")): "unknown 'ssh'",
        (steps("unstash 'x'")): "nothing was stashed as 'x'",
        (steps("input message: 'Now?'")): "'input' needs 'submitter'",
        (pipeline("stage('One') { steps { sh 'make' } }")): "'sh' needs an agent",
        (pipeline("stage('One') { agent { kubernetes { inheritFrom 'small'; defaultContainer 'tools' } }; steps { sh 'make' } }")): 'no timeout around it',
        (pipeline("stage('One') { agent { kubernetes { inheritFrom 'big'; defaultContainer 'tools' } }; steps { echo 'x' } }")): "no pod template 'big'",
        (pipeline("stage('One') { agent { kubernetes { inheritFrom 'small'; defaultContainer 'x' } }; steps { echo 'x' } }")): "got 'x'",
        (pipeline("stage('One') { agent { kubernetes { yamlFile 'pod.yaml' } }; steps { echo 'x' } }")): "unknown 'yamlFile'",
        (pipeline("stage('One') { agent { docker { image 'x' } }; steps { echo 'x' } }")): "unknown directive 'docker'",
        (pipeline("stage('One') { steps { echo 'x' }; stepz { } }")): "unknown directive 'stepz'",
        (pipeline("stage('One') { steps { echo 'x' }; steps { echo 'y' } }")): "'steps' is given twice",
        (pipeline("stage('One') { agent none }")): 'needs one of',
        (pipeline("stage('One') { steps { echo 'x' } }\nstage('One') { steps { echo 'x' } }")): 'stages of the same name',
        (pipeline("stage('One') { failFast true; steps { echo 'x' } }")): '`failFast` without `parallel`',
        (pipeline("stage('One') { when { branchh 'main' }; steps { echo 'x' } }")): "unknown directive 'branchh'",
        (pipeline("stage('One') { when { beforeAgent true }; steps { echo 'x' } }")): 'no condition',
        (pipeline("stage('One') { options { timestampz() }; steps { echo 'x' } }")): "unknown 'timestampz'",
        (pipeline("stage('One') { steps { echo 'x' }; post { allways { echo 'y' } } }")): "unknown post condition 'allways'",
        (pipeline("stage('One') { parallel { stage('A') { parallel { stage('B') { steps { echo 'x' } } } } } }")): 'cannot hold others in parallel',
        (pipeline("stage('One') { steps { echo 'x' } }", 'triggers { pollSCM("x") }')): "unknown 'pollSCM'",
        (pipeline("stage('One') { steps { echo 'x' } }", 'parameters { text(name: "x") }')): "unknown 'text'",
        (pipeline("stage('One') { steps { echo 'x' } }", 'environment { A = "${env.CITY}" }')): "'CITY' comes with an agent",
        (pipeline("stage('One') { steps { echo 'x' } }", 'environment { TAG = "${env.GIT_COMMIT}" }')): 'a part of TAG is not set here',
        (pipeline("stage('One') { steps { script { env.TAG = 'b' } } }", "environment { TAG = 'a' }")): 'which would win',
        (pipeline("stage('One') { steps { echo 'x' }; post { always { sh 'make' } } }")): "'sh' needs an agent",
        "stages { stage('One') { steps { echo 'x' } } }": 'no `agent`',
        'agent none': 'no `stages`',
    ]

    @TestFactory
    List<DynamicTest> refuses() {
        return REFUSED.collect { String text, String part ->
            DynamicTest.dynamicTest(part) {
                Refused refused = assertThrows(Refused) { run(text) }
                assertTrue(refused.message.contains(part), refused.message)
            }
        }
    }

    @Test
    void 'refuses an unknown step in a branch that no run reaches'() {
        Refused refused = assertThrows(Refused) { run(pipeline("stage('One') { steps { echo 'x' }; post { failure { mial 'x' } } }")) }
        assertTrue(refused.message.startsWith('Jenkinsfile:4: unknown step'), refused.message)
    }

    @Test
    void 'refuses code beside the pipeline'() {
        assertThrows(Refused) { Run.of('Jenkinsfile', "def x = 1\npipeline { agent none; stages { stage('One') { steps { echo 'x' } } } }", build()) }
        assertThrows(Refused) { Run.of('Jenkinsfile', "pipeline { agent none; stages { stage('One') { steps { echo 'x' } } } }\ndef f() { 1 }", build()) }
    }

    @Test
    void 'a failure skips the stages after it and runs what post asks for, in the order of Jenkins'() {
        String post = "post { cleanup { echo 'cleanup' }; success { echo 'success' }; failure { echo 'failure' }; unsuccessful { echo 'unsuccessful' }; always { echo 'always' } }"
        Run run = run(pipeline(stage("steps { sh 'make a'; sh 'make b' }; $post") + "\n" + stage("steps { sh 'make c' }", 'Two')), [endings: ['make a': 'fail']])
        assertEquals('FAILURE', run.result)
        assertEquals(['make a'], run.commands())
        assertEquals([Two: 'failure'], run.skipped)
        assertEquals(['always', 'unsuccessful', 'failure', 'cleanup'], run.of('echo')*.arguments*.message)
    }

    @Test
    void 'post compares with the build before'() {
        String post = "post { changed { echo 'changed' }; fixed { echo 'fixed' }; regression { echo 'regression' } }"
        Closure said = { String before, Map more -> run(pipeline(stage("steps { sh 'make a' }"), post), [previousResult: before] + more).of('echo')*.arguments*.message }
        assertEquals(['changed'], said(null, [:]))
        assertEquals([], said('SUCCESS', [:]))
        assertEquals(['changed', 'fixed'], said('FAILURE', [:]))
        assertEquals(['changed', 'regression'], said('SUCCESS', [endings: ['make a': 'fail']]))
    }

    private static String branches(String failFast) {
        return pipeline("stage('All') { $failFast parallel { ${stage("steps { sh 'make a' }", 'A')}\n${stage("steps { sh 'make b' }", 'B')} } }")
    }

    @Test
    void 'a failing branch stops the others only with failFast'() {
        Map ending = [endings: ['make a': 'fail']]
        assertEquals(['make a', 'make b'], run(branches(''), ending).commands())
        Run fast = run(branches('failFast true;'), ending)
        assertEquals(['make a'], fast.commands())
        assertEquals([B: 'failFast'], fast.skipped)
        assertEquals(['make b', 'make a'], run(branches('failFast true;'), ending + [branchesInReverse: true]).commands())
    }

    @Test
    void 'retry tries again what failed, not what was aborted'() {
        String pipeline = steps("retry(3) { sh 'make a' }")
        assertEquals(['make a'] * 3, run(pipeline, [endings: ['make a': 'fail']]).commands())
        assertEquals(['make a'], run(pipeline, [endings: ['make a': 'abort']]).commands())
        assertEquals('ABORTED', run(pipeline, [endings: ['make a': 'abort']]).result)
    }

    @Test
    void 'catchError keeps a failure small, but an interruption keeps its own result'() {
        String pipeline = steps("catchError(buildResult: 'UNSTABLE', stageResult: 'FAILURE') { sh 'make a' }; sh 'make b'")
        Run failed = run(pipeline, [endings: ['make a': 'fail']])
        assertEquals(['UNSTABLE', 'FAILURE', ['make a', 'make b']], [failed.result, failed.stageResults.One, failed.commands()])
        assertEquals('ABORTED', run(pipeline, [endings: ['make a': 'hang']]).result)
    }

    @Test
    void 'a command that hangs ends with its timeout, and the build is aborted'() {
        Run run = run(steps("timeout(time: 2, unit: 'HOURS') { sh 'make a' }; sh 'make b'"), [endings: ['make a': 'hang']])
        assertEquals(['ABORTED', ['make a']], [run.result, run.commands()])
        assertEquals(5, run.of('sh')[0].minutes)
    }

    @Test
    void 'a stage that is skipped before its agent starts no pod'() {
        String when = "when { %s not { branch 'main' } }; steps { echo 'x' }"
        assertEquals([], run(pipeline(stage(String.format(when, 'beforeAgent true;')))).pods)
        assertEquals(['One: small'], run(pipeline(stage(String.format(when, '')))).pods)
    }

    @Test
    void 'when combines conditions'() {
        String when = "when { anyOf { triggeredBy 'TimerTrigger'; allOf { changeRequest(); expression { params.DEEP } } } }; steps { echo 'x' }"
        String text = pipeline(stage(when), "parameters { booleanParam(name: 'DEEP', defaultValue: false, description: 'x') }")
        assertEquals([], run(text).ran)
        assertEquals(['One'], run(text, [cause: 'TimerTrigger']).ran)
        assertEquals([], run(text, [change: '7']).ran)
        assertEquals(['One'], run(text, [change: '7', parameters: [DEEP: true]]).ran)
    }

    @Test
    void 'secrets are bound for their block only, and environment blocks see what stands above'() {
        Run run = run(pipeline(stage('''environment { A = "a-${CITY}"; B = "${A}-b" }
            steps { withCredentials([file(credentialsId: 'known', variable: 'KEY')]) { sh 'make x "$KEY" "$B"' }; sh 'make y' }''')))
        assertEquals([A: 'a-sf', B: 'a-sf-b', KEY: 'secret of known', GIT_COMMIT: '0f' * 20], run.of('sh')[0].environment)
        assertTrue(!run.of('sh')[1].environment.containsKey('KEY'))
    }

    @Test
    void 'nested stages share the pod of the stage around them'() {
        Run run = run(pipeline(stage("stages { stage('A') { steps { sh 'make a' } }\nstage('B') { steps { sh 'make b' } } }", 'Outer')))
        assertEquals([['Outer: small'], ['Outer', 'A', 'B']], [run.pods, run.ran])
    }

}
