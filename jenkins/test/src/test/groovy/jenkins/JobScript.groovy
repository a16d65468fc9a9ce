package jenkins

/** Records `a { b(1) }` as a.b: [1], and refuses words that are not in the table. */
abstract class JobScript extends Script {

    private static final List<String> WORDS = [
        'multibranchPipelineJob', 'displayName', 'branchSources', 'branchSource', 'source', 'github', 'id', 'credentialsId', 'repoOwner', 'repository',
        'repositoryUrl', 'configuredByUrl', 'traits', 'gitHubBranchDiscovery', 'gitHubPullRequestDiscovery', 'gitHubForkDiscovery', 'strategyId', 'trust',
        'gitHubTrustPermissions', 'factory', 'workflowBranchProjectFactory', 'scriptPath', 'orphanedItemStrategy', 'discardOldItems', 'daysToKeep',
        'triggers', 'periodicFolderTrigger', 'interval',
    ]
    final Map<String, List> given = [:]
    final List<String> path = []

    @Override
    Object invokeMethod(String name, Object arguments) {
        if (!(name in WORDS)) { throw new Refused("job.groovy: unknown word '$name'") }
        path << name
        given[path.join('.')] = (arguments as List).findAll { !(it instanceof Closure) }
        (arguments as List).findAll { it instanceof Closure }.each { it.call() }
        path.removeAt(path.size() - 1)
        return null
    }

}
