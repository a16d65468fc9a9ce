package org.jenkinsci.plugins.workflow.steps

/** Stands for Jenkins' class of the same name, which a Jenkinsfile may catch: a refusal, a timeout or an abort. */
class FlowInterruptedException extends RuntimeException {

    FlowInterruptedException(String cause) {
        super(cause)
    }

}
