package jenkins

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** What one build finds: what started it, how its commands go, how people answer. */
class Build {

    String branch = 'main'
    /** of a pull request: its number; `branch` is then PR-number */
    String change
    /** of a pull request from a fork: the fork's owner */
    String fork
    /** as `triggeredBy` names it */
    String cause = 'BranchEventCause'
    String previousResult
    Map<String, Boolean> parameters = [:]
    /** files that the steps find in the workspace */
    Set<String> files = []
    /** how `input` ends: 'approve', 'refuse', 'timeout', 'abort' */
    String answer
    boolean branchesInReverse
    /** command -> 'fail', 'hang' or 'abort'; the key is a part of `stage: command` */
    Map<String, String> endings = [:]
    /** ids that the configuration of Jenkins declares */
    Set<String> credentials = []
    /** environment variables that the configuration of Jenkins declares */
    Map<String, String> globals = [:]
    /** pod template -> its containers */
    Map<String, List<String>> templates = [:]

    static Build pullRequest(String number) { return new Build(branch: "PR-$number", change: number) }

    static Build nightly() { return new Build(cause: 'TimerTrigger') }

    void run(String stage, String command) {
        String ending = endings.find { "$stage: $command".contains(it.key) }?.value
        switch (ending) {
            case null: return
            case 'fail': throw new StepFailed("`$command` ended with status 2")
            case 'hang': throw new FlowInterruptedException('timeout has been exceeded')
            case 'abort': throw new FlowInterruptedException('aborted by a user')
            default: throw new IllegalArgumentException("an ending is fail, hang or abort, got $ending")
        }
    }

    /** Jenkins' own variables; null where this build has none. */
    Map<String, String> ownVariables() {
        return [JOB_NAME: "wayfare/$branch", BUILD_NUMBER: '42', BRANCH_NAME: branch, CHANGE_ID: change, CHANGE_FORK: fork,
                CHANGE_TARGET: change ? 'main' : null]
    }

}

/** One step as it ran. */
class Event {

    String stage
    String step
    Map<String, Object> arguments
    /** what the Jenkinsfile set: not Jenkins' own variables */
    Map<String, String> environment
    /** the pod; null without an agent */
    String agent
    /** minutes until the nearest timeout */
    Integer minutes

    String getCommand() { return arguments.script }

}
