// The one job: branches and pull requests of the repository, by the Jenkinsfile in each (job-dsl, run by casc.yaml).
multibranchPipelineJob('wayfare') {
    displayName('Wayfare')
    branchSources {
        branchSource {
            source {
                github {
                    // Constant: with another id Jenkins takes every branch for a new one and forgets its builds.
                    id('wayfare')
                    credentialsId('wayfare-github-app')
                    repoOwner(REPOSITORY_OWNER)
                    repository(REPOSITORY)
                    repositoryUrl('')
                    configuredByUrl(false)
                    traits {
                        // 1: branches that are not pull requests as well.
                        gitHubBranchDiscovery {
                            strategyId(1)
                        }
                        // 1: as merged into its target.
                        gitHubPullRequestDiscovery {
                            strategyId(1)
                        }
                        // From a fork, the Jenkinsfile is the target's unless its author may write to the repository.
                        gitHubForkDiscovery {
                            strategyId(1)
                            trust {
                                gitHubTrustPermissions()
                            }
                        }
                    }
                }
            }
        }
    }
    factory {
        workflowBranchProjectFactory {
            scriptPath('Jenkinsfile')
        }
    }
    orphanedItemStrategy {
        discardOldItems {
            daysToKeep(7)
        }
    }
    triggers {
        // Webhooks tell of changes at once; this finds what a lost one would have told.
        periodicFolderTrigger {
            interval('1d')
        }
    }
}
